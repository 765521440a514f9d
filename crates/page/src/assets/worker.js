// One stream for all tabs of a browser: each says what it is about, and gets what comes of it. As a worker of one tab
// it does the same for that.
"use strict";
const tabs = new Map(), known = new Map();
let source = null, asked = "", again = 0, broken = false;

function say(message, of) {
  for (const [tab, topic] of tabs) if (topic && (!of || topic === of)) tab.postMessage(message);
}

// Opens the stream of what the tabs that can be seen are about, if that is another one than is open.
function open() {
  const topics = [...new Set([...tabs.values()].filter(Boolean))].sort().slice(0, 12);
  const wanted = topics.map((of) => "of=" + encodeURIComponent(of)).join("&");
  if (wanted === asked && source && source.readyState < 2) return;
  if (source) source.close();
  clearTimeout(again);
  source = null;
  asked = wanted;
  known.clear();
  if (!wanted) return;
  const mine = (source = new EventSource("/live?" + wanted));
  mine.onmessage = (event) => {
    const news = JSON.parse(event.data), old = known.get(news.of);
    broken = false;
    known.set(news.of, old && old.shape === news.shape ? { ...news, set: { ...old.set, ...news.set } } : news);
    say(news, news.of);
  };
  mine.addEventListener("out", () => {
    mine.close();
    say({ out: true });
  });
  mine.onerror = () => {
    broken = true;
    say({ broken: true });
    // It tries again by itself, unless it was refused.
    if (mine.readyState === 2 && source === mine) refused();
  };
}

function refused() {
  source = null;
  fetch("/session").then((answer) => {
    if (answer.status === 401) say({ out: true });
    else again = setTimeout(open, 5000);
  }, () => (again = setTimeout(open, 2000)));
}

function join(tab) {
  tab.onmessage = ({ data }) => {
    if (data.bye) tabs.delete(tab);
    else tabs.set(tab, data.of);
    const old = data.of && known.get(data.of);
    open();
    if (old && known.has(data.of)) tab.postMessage(old);
    if (data.of && broken) tab.postMessage({ broken: true });
  };
}

self.onconnect = (event) => join(event.ports[0]);
if (!("onconnect" in self && self.SharedWorkerGlobalScope)) join(self);
