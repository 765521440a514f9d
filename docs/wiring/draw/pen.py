"""A small pen for the wiring drawings: everything is drawn by us, colours are those of the page.

`python3 header.py`, `meters_and_panel.py` and `oled_pins_case.py` write the drawings into the folder above.
"""
import os
from html import escape
LIGHT=dict(ground='#e9eeea',plate='#fbfcfa',well='#e2e9e4',line='#ccd6cf',edge='#6c7d73',ink='#12211a',soft='#48584f',mask='#0d3b2d',mask2='#12493a',mink='#f3f7f2',msoft='#b9cfc3',pad='#f3c04b',pink='#23190a',gold='#7d5200',goldf='#a87108',goldw='#f3e7c8',hot='#a62a12',hotf='#c9431f',hotw='#f8e1d9',volt='#1a5596',voltf='#2f74bd',voltw='#dde9f6',cap='#6c3a86',capf='#8b57a6',good='#16624a',goodf='#2d8565',glass='#b4c83c',gink='#17210a',bezel='#1b1f1c')
DARK=dict(ground='#0e1614',plate='#16211d',well='#0a110f',line='#2b3a34',edge='#75897f',ink='#e8eee9',soft='#a9b9b0',mask='#0b2e24',mask2='#103a2e',mink='#eef4ef',msoft='#a9c4b7',pad='#f0bd4a',pink='#1d1506',gold='#f0bd4a',goldf='#d6a033',goldw='#352b14',hot='#ff9a7a',hotf='#ee6b45',hotw='#41221a',volt='#8ec1f5',voltf='#5b9be0',voltw='#1a2c41',cap='#d9aeea',capf='#b680cf',good='#7fd0ae',goodf='#4fae8b',glass='#9fb236',gink='#10180a',bezel='#050807')
V=lambda d:';'.join(f'--{k}:{v}' for k,v in d.items())
CSS=':root{'+V(LIGHT)+'}@media(prefers-color-scheme:dark){:root{'+V(DARK)+'}}'+'''
text{font-family:-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif;font-size:14px;fill:var(--ink)}
.s{fill:var(--soft);font-size:13px}.b{font-weight:700}.h{font-weight:700;font-size:19px}.h2{font-weight:700;font-size:15px}
.mo{font-family:ui-monospace,"Cascadia Mono","DejaVu Sans Mono","Liberation Mono",monospace;font-size:13px}
.mi{fill:var(--mink)}.ms{fill:var(--msoft);font-size:13px}.pi{fill:var(--pink);font-weight:700;font-size:12px}.hot{fill:var(--hot)}.good{fill:var(--good)}.gold{fill:var(--gold)}.volt{fill:var(--volt)}.cap{fill:var(--cap)}
.w{fill:none;stroke-linejoin:round;stroke-linecap:round}.halo{stroke:var(--plate);stroke-width:8}
.p5{stroke:var(--goldf);stroke-width:4.5}.p3{stroke:var(--capf);stroke-width:3}.gnd{stroke:var(--ink);stroke-width:3.5}.sda{stroke:var(--voltf);stroke-width:3}.scl{stroke:var(--goodf);stroke-width:3}.sig{stroke:var(--edge);stroke-width:3}.ac{stroke:var(--soft);stroke-width:5}
.fp5{fill:var(--gold)}.fp3{fill:var(--cap)}.fgnd{fill:var(--ink)}.fsda{fill:var(--volt)}.fscl{fill:var(--good)}.fsig{fill:var(--soft)}
.plate{fill:var(--plate);stroke:var(--line);stroke-width:1.5}.mod{fill:var(--well);stroke:var(--edge);stroke-width:1.5}.mask{fill:var(--mask);stroke:var(--mask2);stroke-width:2}.padc{fill:var(--pad);stroke:var(--goldf);stroke-width:1.5}
.r{fill:var(--plate);stroke:var(--ink);stroke-width:2}.ln{stroke:var(--ink);stroke-width:2;fill:none}.thin{stroke:var(--line);stroke-width:1;fill:none}.ed{stroke:var(--edge);stroke-width:1.5;fill:none}
.mk{fill:var(--hotf)}.mt{fill:var(--plate);font-weight:700;font-size:13px}.tag{fill:var(--plate);font-weight:700;font-size:12px}'''
FOLDER=os.path.join(os.path.dirname(os.path.abspath(__file__)),'..','')
class S:
    def __init__(s,w,h,title,desc,sub=''):
        s.w,s.h,s.o=w,h,[]
        s.title,s.desc=title,desc
        s.o.append(f'<rect width="{w}" height="{h}" rx="10" fill="var(--ground)"/>')
        s.text(28,38,title,'h')
        if sub: s.text(28,60,sub,'s')
    def a(s,x): s.o.append(x)
    def text(s,x,y,t,c='',an='start',extra=''):
        a='' if an=='start' else f' text-anchor="{an}"'
        cl=f' class="{c}"' if c else ''
        s.a(f'<text x="{x}" y="{y}"{cl}{a}{extra}>{escape(t)}</text>')
    def lines(s,x,y,ts,c='s',dy=19,an='start'):
        for i,t in enumerate(ts): s.text(x,y+i*dy,t,c,an)
    def rect(s,x,y,w,h,c='plate',r=8,extra=''): s.a(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{r}" class="{c}"{extra}/>')
    def path(s,d,c,extra=''): s.a(f'<path d="{d}" class="{c}"{extra}/>')
    def wire(s,k,*p,halo=False,dash=None):
        d='M'+'L'.join(f'{x} {y}' for x,y in p)
        if halo: s.path(d,'w halo')
        s.path(d,'w '+k,f' stroke-dasharray="{dash}"' if dash else '')
    def dot(s,k,x,y,r=4.5): s.a(f'<circle cx="{x}" cy="{y}" r="{r}" class="f{k}"/>')
    def tag(s,k,x,y,t):
        w=12+7.5*len(t); s.rect(x-w/2,y-9,round(w,1),18,'f'+k,9); s.text(x,y+4.5,t,'tag','middle')
    def pad(s,x,y,t='',r=10,sq=False):
        if sq: s.rect(x-r,y-r,2*r,2*r,'padc',2)
        else: s.a(f'<circle cx="{x}" cy="{y}" r="{r}" class="padc"/>')
        if t: s.text(x,y+4.5,t,'pi','middle')
    def res(s,x,y,t='',v=False,tx=None,an='start'):
        if v: s.rect(x-8,y-20,16,40,'r',2)
        else: s.rect(x-22,y-8,44,16,'r',2)
        if t:
            if v: s.text(x+(14 if an=='start' else -14),y+5,t,'',an)
            else: s.text(x,y-14,t,'','middle')
    def mark(s,n,x,y):
        s.path(f'M{x} {y-14}L{x+14} {y}L{x} {y+14}L{x-14} {y}Z','mk'); s.text(x,y+5,str(n),'mt','middle')
    def gsym(s,x,y):
        s.path(f'M{x} {y}v8M{x-10} {y+8}h20M{x-6} {y+13}h12M{x-2} {y+18}h4','ln')
    def save(s,f):
        t=f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {s.w} {s.h}" width="{s.w}" height="{s.h}" role="img" aria-labelledby="t d"><title id="t">{escape(s.title)}</title><desc id="d">{escape(s.desc)}</desc><style>{CSS}</style>'+''.join(s.o)+'</svg>\n'
        open(f,'w').write(t); return len(t.encode())
