// Makes pages live that work without it: the reader's times, what moves, charts, the login by a link.
"use strict";
(() => {
  const root = document.documentElement, body = document.body, { live: topic, worker } = body.dataset;
  const all = (what, within) => (within || document).querySelectorAll(what);
  const two = (number) => String(number).padStart(2, "0");
  const day = (date) => date.getFullYear() + "-" + two(date.getMonth() + 1) + "-" + two(date.getDate());
  const clock = (date, seconds) => two(date.getHours()) + ":" + two(date.getMinutes()) + (seconds ? ":" + two(date.getSeconds()) : "");

  // ---- Times in the reader's zone
  function localise(within) {
    for (const time of all("time[datetime]", within)) {
      const date = new Date(time.dateTime), is_today = day(date) === day(new Date());
      const dated = "dated" in time.dataset;
      time.textContent = (dated || !is_today ? day(date) + " " : "") + clock(date, !dated);
    }
    for (const text of all("text[data-t]", within)) {
      const date = new Date(+text.dataset.t);
      text.textContent = "day" in text.dataset ? day(date).slice(5) : clock(date);
    }
  }
  localise();
  const zone = document.getElementById("zone");
  if (zone) {
    const part = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts().find((part) => part.type === "timeZoneName");
    zone.textContent = "Times in " + (part ? part.value : "your zone");
  }
  const here = document.getElementById("here");
  if (here) here.textContent = location.host;

  // ---- The login: a link's code stands behind # and is handed over by POST; who is in already goes on
  const login = document.getElementById("login");
  if (login) {
    const code = location.hash.slice(1);
    if (code) {
      history.replaceState(null, "", location.pathname + location.search);
      login.elements.token.value = code;
      login.requestSubmit();
    } else {
      fetch("/session").then((answer) => answer.ok && location.replace(login.elements.next.value));
    }
  }

  // ---- Live
  let last = +body.dataset.at, watchdog = 0, note = null;
  const label = document.querySelector(".live b"), dot = document.querySelector(".live .dot"), at = document.querySelector(".live time");

  function word(text) {
    if (label && label.textContent !== text) label.textContent = text;
  }

  function stale() {
    if (note) return;
    root.classList.add("stale");
    word("Broken since");
    note = document.createElement("div");
    note.className = "note hot";
    note.setAttribute("role", "alert");
    note.innerHTML = '<svg class="i" aria-hidden="true"><use href="#i-broken"></use></svg><div><b></b> What you see is as it was then. It is tried again by itself. <a href="">Load the page anew</a></div>';
    note.querySelector("b").textContent = "The stream broke at " + clock(new Date(last), true) + ".";
    document.getElementById("main").prepend(note);
  }

  function fresh(news) {
    clearTimeout(watchdog);
    watchdog = setTimeout(stale, news.every * 3 + 2000);
    last = news.t;
    root.classList.remove("stale");
    if (note) note.remove();
    note = null;
    word("Live");
    at.dateTime = new Date(last).toISOString();
    at.textContent = clock(new Date(last), true);
    dot.classList.remove("beat");
    void dot.getBoundingClientRect();
    dot.classList.add("beat");
  }

  function show(news) {
    if (news.shape !== body.dataset.shape) return void location.reload();
    fresh(news);
    for (const [key, content] of Object.entries(news.set)) {
      for (const slot of all(`[data-k="${key}"]`)) {
        // What somebody reads, copies or has the focus in stays until it is left.
        if (slot.contains(document.activeElement)) continue;
        slot.innerHTML = content;
        localise(slot);
        if (slot.querySelector(":scope > .fig, :scope > .power")) {
          slot.classList.add("tick");
          setTimeout(() => slot.classList.remove("tick"), 600);
        }
      }
    }
    grow(news);
  }

  if (topic) {
    const shared = window.SharedWorker && new SharedWorker(worker, "picollect live");
    const tab = shared ? shared.port : new Worker(worker);
    tab.onmessage = ({ data }) => {
      if (data.out) location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
      else if (data.broken) stale();
      else show(data);
    };
    const tell = () => tab.postMessage({ of: document.hidden ? null : topic });
    document.addEventListener("visibilitychange", () => {
      clearTimeout(watchdog);
      tell();
    });
    addEventListener("pagehide", () => tab.postMessage({ bye: true }));
    addEventListener("pageshow", (event) => event.persisted && tell());
    tell();
  }

  // ---- Charts
  const plots = [], latest = {};
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const colours = { watts: "--c1", temp: "--c3", clock: "--c2", busy: "--c5" };
  const narrow = matchMedia("(max-width: 39.99rem)");

  function grow(news) {
    for (const [key, value] of Object.entries(news.set)) if (key.startsWith("now-")) latest[key.slice(4)] = value === "" ? null : +value;
    for (const { plot, name, step } of plots) {
      if (!(name in latest)) continue;
      const [t, values] = plot.data, end = t[t.length - 1];
      if (news.t / 1000 >= end + step) {
        const steps = Math.min(Math.floor((news.t / 1000 - end) / step), t.length);
        for (let index = 1; index <= steps; index++) {
          t.push(end + index * step);
          values.push(index === steps ? latest[name] : null);
        }
        t.splice(0, steps);
        values.splice(0, steps);
        plot.setData([t, values]);
      }
    }
  }

  function bands(plot, list) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const [from, to] of list) {
      const left = plot.valToPos(from, "x", true), right = Math.max(plot.valToPos(to, "x", true), left + 2);
      ctx.globalAlpha = 0.6;
      ctx.fillStyle = css("--hot-wash");
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      ctx.globalAlpha = 0.38;
      ctx.strokeStyle = css("--hot-fill");
      ctx.lineWidth = 1.6;
      ctx.beginPath();
      for (let x = left - bbox.height; x < right; x += 10) {
        ctx.moveTo(Math.max(x, left), bbox.top + bbox.height - Math.max(0, left - x));
        ctx.lineTo(Math.min(x + bbox.height, right), bbox.top + bbox.height - Math.min(bbox.height, right - x));
      }
      ctx.stroke();
    }
    ctx.restore();
  }

  function over(plot, unit, limit, list) {
    const { ctx, bbox } = plot, ratio = devicePixelRatio;
    ctx.save();
    ctx.font = 12 * ratio + "px " + css("--sans");
    ctx.fillStyle = css("--soft");
    ctx.textAlign = "right";
    ctx.fillText(unit, bbox.left - 8 * ratio, bbox.top - 10 * ratio);
    for (const [from, to, letter] of list) {
      const left = Math.max(plot.valToPos(from, "x", true), bbox.left), right = Math.min(plot.valToPos(to, "x", true), bbox.left + bbox.width);
      if (right - left < 18 * ratio) continue;
      const x = (left + right) / 2;
      ctx.fillStyle = css("--hot-fill");
      ctx.fillRect(x - 9 * ratio, bbox.top - 19 * ratio, 18 * ratio, 16 * ratio);
      ctx.fillStyle = css("--plate");
      ctx.textAlign = "center";
      ctx.fillText(letter, x, bbox.top - 6.5 * ratio);
    }
    if (limit) {
      const y = plot.valToPos(limit, "y", true);
      ctx.strokeStyle = ctx.fillStyle = css("--hot");
      ctx.setLineDash([7 * ratio, 4 * ratio]);
      ctx.lineWidth = 1.5 * ratio;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.textAlign = "left";
      ctx.fillText("first limit " + limit.toFixed(0) + " °C", bbox.left + 4 * ratio, y - 5 * ratio);
    }
    ctx.restore();
  }

  function chart(figure, drawn) {
    const { chart: name, unit, low, high, limit, decimals } = figure.dataset;
    const svg = figure.querySelector("svg.plot"), read = figure.querySelector(".read"), rest = read.textContent;
    const margin = getComputedStyle(svg), top = parseFloat(margin.marginTop), below = parseFloat(margin.marginBottom);
    const height = svg.getBoundingClientRect().height + top + below, place = document.createElement("div");
    const width = () => figure.clientWidth - parseFloat(getComputedStyle(figure).paddingLeft) * 2;
    const dash = name === "watts" ? { estimated: [6, 4], simulated: [1.5, 3.5] }[drawn.source] : undefined;
    const axis = { font: "12px " + css("--sans"), stroke: () => css("--soft"), grid: { stroke: () => css("--line"), width: 1 }, ticks: { stroke: () => css("--edge"), size: 4 }, border: { show: true, stroke: () => css("--edge") } };
    const text = (index) => {
      const value = plot.data[1][index], date = new Date(plot.data[0][index] * 1000);
      return (day(date) === day(new Date()) ? "" : day(date) + " ") + clock(date, true) + "  " + (value == null ? "not known" : value.toFixed(+decimals) + " " + unit);
    };
    const plot = new uPlot({
      width: width(), height, padding: [top, 8, 0, 0], legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8, width: 2.5, fill: () => css("--plate") }, sync: { key: "page" } },
      focus: { alpha: 1 },
      scales: { y: { range: (_, __, most) => [+low, name === "temp" ? +high : Math.max(+high, most)] } },
      axes: [{ ...axis, size: below, space: 70, values: [[86400, "{YYYY}-{MM}-{DD}"], [3600, "{HH}:{mm}"], [60, "{HH}:{mm}"], [1, "{HH}:{mm}:{ss}"]].map(([step, form]) => [step, form, null, null, null, null, null, null, 1]) }, { ...axis, size: narrow.matches ? 36 : 44, space: 36 }],
      series: [{}, { stroke: () => css(colours[name]), width: 1.75, spanGaps: false, points: { show: false }, dash }],
      hooks: {
        drawClear: [(plot) => bands(plot, drawn.bands)],
        draw: [(plot) => over(plot, unit, limit && +limit, drawn.bands)],
        setCursor: [(plot) => (read.textContent = plot.cursor.idx == null ? rest : text(plot.cursor.idx))],
      },
    }, [drawn.t.slice(), drawn[name].slice()], place);
    svg.replaceWith(place);
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", svg.getAttribute("aria-label"));
    plots.push({ plot, name, step: drawn.step_s });
    addEventListener("resize", () => plot.setSize({ width: width(), height }));
    figure.addEventListener("keydown", (event) => {
      const count = plot.data[0].length, old = plot.cursor.idx == null ? count - 1 : plot.cursor.idx, by = event.shiftKey ? 10 : 1;
      const to = { ArrowLeft: old - by, ArrowRight: old + by, Home: 0, End: count - 1, Escape: null }[event.key];
      if (to === undefined || event.target !== figure) return;
      event.preventDefault();
      const index = to === null ? null : Math.min(count - 1, Math.max(0, to));
      plot.setCursor(index === null ? { left: -10, top: -10 } : { left: plot.valToPos(plot.data[0][index], "x"), top: 10 });
    });
  }

  const charts = document.querySelector(".charts[data-history]");
  if (charts && window.uPlot) {
    fetch(charts.dataset.history).then((answer) => answer.ok && answer.json()).then((drawn) => {
      if (drawn) for (const figure of all("[data-chart]", charts)) chart(figure, drawn);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach(({ plot }) => plot.redraw()));
  }
})();
