from pen import S, FOLDER
from meters_and_panel import hdr
def led(s,x,y):
    s.path(f'M{x-11} {y-10}L{x+9} {y}L{x-11} {y+10}Z','ln',' style="fill:var(--hotf)"'); s.path(f'M{x+9} {y-11}V{y+11}M{x} {y-14}l7 -9M{x+9} {y-13}l7 -9','ln')
def d5(f):
    s=S(1000,590,'OLED 128×64 or 128×32 on the same two lines','An OLED module with the pins GND, VCC, SCL, SDA is connected to pin 9 (ground), pin 1 (3.3 volts), pin 5 (SCL) and pin 3 (SDA). A second module shows that others have VCC first and GND second. Below, a scale of I2C addresses: PCF8574 backpacks 0x20 to 0x27, PCF8574A backpacks 0x38 to 0x3F, OLEDs 0x3C or 0x3D, meters 0x40 to 0x4F. The ranges of PCF8574A and OLED overlap.','SSD1306 and SH1106 alike. Fed with 3.3 V its pull-ups end at 3.3 V: no level shifter.')
    s.rect(20,78,960,300)
    s.rect(44,100,150,256,'mask',10); s.text(119,344,'the board','ms','middle'); [ (s.pad(164,132+46*i,str(n),11,n==1), s.text(146,137+46*i,t,'ms','end')) for i,(n,t) in enumerate(((1,'3.3 V'),(3,'SDA'),(5,'SCL'),(9,'GND'))) ]
    s.rect(430,100,250,256,'mod'); s.rect(494,138,164,140,'bz',6,' fill="#000"'); 
    s.text(576,204,'61°','', 'middle',' style="fill:#fff;font-size:44px;font-weight:700"'); s.text(576,248,'5.1 W','','middle',' style="fill:#fff;font-size:26px;font-weight:700"')
    s.text(576,304,'0.96 inch: SSD1306, as a rule','s','middle'); s.text(576,322,'1.3 inch: SH1106, as a rule','s','middle')
    # left: board pins 1 3V3, 3 SDA, 5 SCL, 9 GND; module order top to bottom VCC SDA SCL GND to be drawn without crossings? module order GND VCC SCL SDA
    ym=dict(GND=140,VCC=186,SCL=232,SDA=278); yb=dict(VCC=132,SDA=178,SCL=224,GND=270); k=dict(GND='gnd',VCC='p3',SCL='scl',SDA='sda'); xm=dict(VCC=330,SDA=250,SCL=290,GND=376)
    for n in ('GND','SCL','SDA','VCC'):
        x=xm[n]; s.wire(k[n],(196,yb[n]),(x,yb[n]),(x,ym[n]),(428,ym[n]),halo=True); s.wire(k[n],(428,ym[n]),(440,ym[n])); s.wire(k[n],(175,yb[n]),(196,yb[n]))
    for n in ym: s.pad(450,ym[n]); s.text(466,ym[n]+5,n,'mo' if 0 else 'mo') if 0 else None
    for n in ym: s.text(432-8,ym[n]-9,n,'mo','end'); 
    # labels between header's odd column and wires: a plain bar from the odd pads to the edge
    for n in yb: s.wire(k[n],(150,yb[n]+0),(184,yb[n])) if 0 else None
    s.rect(720,100,236,256,'mod'); s.rect(802,138,136,100,'bz',6,' fill="#000"'); s.text(870,200,'61°','','middle',' style="fill:#fff;font-size:40px;font-weight:700"')
    for i,n in enumerate(('VCC','GND','SCL','SDA')): s.pad(740,140+46*i); s.text(758,145+46*i,n,'mo hot b' if i<2 else 'mo',extra=' style="fill:var(--hot)"' if i<2 else '')
    s.lines(802,264,['the next lot may have','VCC and GND','swapped: read yours','before you power it'],'hot',19)
    s.mark(1,730,108); s.mark(2,232,132)
    s.rect(20,394,960,178); s.text(40,422,'Who may answer where','h2'); s.text(216,422,'an address that is not in the configuration is read, never written to','s')
    X=lambda a:round(60+(a-0x20)*18.3,1)
    for a in range(0x20,0x50,8): s.text(X(a),556,f'0x{a:02x}','mo','middle'); s.path(f'M{X(a)} 440V538','thin')
    for a0,a1,y,c,t in ((0x20,0x28,452,'--good','LCD: PCF8574'),(0x38,0x40,452,'--good','LCD: PCF8574A'),(0x3c,0x3e,482,'--capf','OLED'),(0x40,0x50,512,'--goldf','meters: INA219, 226, 260 (INA3221: 0x40 to 0x43)')):
        s.a(f'<rect x="{X(a0)}" y="{y}" width="{round((a1-a0)*18.3-3,1)}" height="22" rx="4" fill="var({c})"/>'); 
        if t=='OLED': s.text(X(a0)-8,y+16,t,'b','end')
        elif 'meters' in t: s.text(X(a0)-8,y+16,t,'b','end')
        else: s.text(X(a0)+70,y+16,t,'tag','middle')
    s.mark(3,X(0x3e)+20,492)
    return s.save(f)
def d6(f):
    s=S(1000,690,'Button, LED, tachometer, thermometer','Four small circuits. Page button: from pin 11 (GPIO17) through 1 kilohm to a push button to ground, pin 14. Alarm LED: from pin 13 (GPIO27) through 330 ohm to the LED to ground. Fan: plus to pin 4, minus to pin 14, tachometer through 1 kilohm to pin 18 (GPIO24), with 10 kilohm to 3.3 volts. Thermometer DS18B20: VDD to pin 17 (3.3 volts), data to pin 7 (GPIO4) with 4.7 kilohm to 3.3 volts, GND to pin 9.','Every pull-up ends at 3.3 V. Nothing that is 5 V or 12 V may reach a GPIO pin.')
    def plate(x,y,t,u): s.rect(x,y,472,290); s.text(x+20,y+30,t,'h2'); s.text(x+20,y+50,u,'s'); s.rect(x+18,y+70,74,204,'mask',8)
    def pin(x,y,n,g): s.pad(x+74,y,str(n),11,n==1); s.text(x+56,y+5,g,'ms','end',' font-size="12"')
    x,y=20,78; plate(x,y,'Page button','pulled up inside the board; a press joins it to ground')
    pin(x,y+120,11,'17'); pin(x,y+230,14,'GND')
    s.wire('sig',(x+86,y+120),(x+380,y+120),(x+380,y+150)); s.res(x+200,y+120,'1 kΩ'); s.wire('gnd',(x+86,y+230),(x+380,y+230),(x+380,y+200))
    s.a(f'<circle cx="{x+380}" cy="{y+152}" r="5" class="fsig"/><circle cx="{x+380}" cy="{y+198}" r="5" class="fgnd"/>'); s.path(f'M{x+380} {y+198}L{x+402} {y+156}M{x+394} {y+177}H{x+424}M{x+424} {y+166}v22','ln')
    s.lines(x+120,y+168,['1 kΩ spares the pin should it','ever be set as an output'],'s')
    s.mark(1,x+330,y+120)
    x=508; plate(x,y,'Alarm LED','lit while the board throttles or its voltage is low')
    pin(x,y+120,13,'27'); pin(x,y+230,14,'GND')
    s.wire('sig',(x+86,y+120),(x+400,y+120)); s.wire('gnd',(x+400,y+120),(x+400,y+230),(x+86,y+230)); s.wire('sig',(x+300,y+120),(x+330,y+120)); s.res(x+190,y+120,'330 Ω'); s.a(f'<rect x="{x+300}" y="{y+116}" width="30" height="8" fill="var(--plate)"/>'); led(s,x+314,y+120); s.path(f'M{x+290} {y+120}H{x+304}M{x+323} {y+120}H{x+340}','w sig')
    s.lines(x+120,y+168,['red: (3.3 − 2.0) V / 330 Ω = 4 mA','a pin gives 8 mA at most, all together','50 mA: brighter needs a transistor'],'s')
    s.mark(2,x+250,y+120); s.text(x+300,y+92,'+','b','end'); s.text(x+334,y+150,'flat side −','s')
    x,y=20,384; plate(x,y,'Fan with tachometer','open collector: it only pulls down')
    pin(x,y+100,4,'5 V'); pin(x,y+150,17,'3.3 V'); pin(x,y+200,18,'24'); pin(x,y+250,14,'GND')
    s.rect(x+356,y+86,98,178,'mod'); s.a(f'<circle cx="{x+412}" cy="{y+130}" r="27" class="ed"/><circle cx="{x+412}" cy="{y+130}" r="7" class="fsig"/>'); s.path(f'M{x+412} {y+123}q14 -10 4 -19M{x+418} {y+134}q16 4 20 -8M{x+408} {y+137}q-4 16 8 19M{x+405} {y+128}q-16 -2 -18 10','ed'); s.text(x+412,y+180,'5 V fan','s','middle')
    s.wire('p5',(x+86,y+100),(x+366,y+100)); s.wire('gnd',(x+86,y+250),(x+366,y+250)); s.wire('sig',(x+86,y+200),(x+366,y+200)); s.wire('p3',(x+86,y+150),(x+300,y+150),(x+300,y+200)); s.res(x+300,y+175,'10 kΩ',True); s.dot('sig',x+300,y+200); s.res(x+190,y+200,'1 kΩ')
    for yy,t in ((100,'+'),(200,'T'),(250,'−')): s.pad(x+366,y+yy,t,9)
    s.mark(3,x+250,y+224); s.tag('p3',x+180,y+150,'3.3 V, never 5 V')
    x=508; plate(x,y,'Thermometer DS18B20','the air of the case: [ambient] sensor = "w1"')
    pin(x,y+120,17,'3.3 V'); pin(x,y+180,7,'4'); pin(x,y+240,9,'GND')
    s.wire('p3',(x+86,y+120),(x+376,y+120)); s.wire('sig',(x+86,y+180),(x+376,y+180)); s.wire('gnd',(x+86,y+240),(x+376,y+240)); s.dot('p3',x+230,y+120); s.dot('sig',x+230,y+180); s.wire('p3',(x+230,y+120),(x+230,y+140)); s.wire('sig',(x+230,y+160),(x+230,y+180)); s.res(x+230,y+150,'4.7 kΩ',True)
    s.path(f'M{x+376} {y+98}h26a64 82 0 0 1 0 164h-26z','mod'); s.lines(x+386,y+125,['VDD'],'mo'); s.text(x+386,y+185,'DQ','mo'); s.text(x+386,y+245,'GND','mo'); s.text(x+110,y+272,'looking at its flat face, legs down: GND, DQ, VDD','s'); s.mark(4,x+336,y+150)
    return s.save(f)
def npn(s,x,y,t,pnp=False):
    s.a(f'<circle cx="{x+6}" cy="{y}" r="24" class="r"/>'); s.path(f'M{x-18} {y}H{x-4}M{x-4} {y-13}V{y+13}M{x-4} {y-6}L{x+12} {y-17}V{y-26}M{x-4} {y+6}L{x+12} {y+17}V{y+26}','ln')
    if pnp: s.path(f'M{x-2} {y-8}l9 -1l-5 -7z','ln',' style="fill:var(--ink)"')
    else: s.path(f'M{x+11} {y+16}l-9 -1l5 -7z','ln',' style="fill:var(--ink)"')
    s.text(x+36,y+5,t,'b')
def d7(f):
    s=S(1000,560,'Dimming the backlight: a transistor and PWM','Left, for backpacks with a jumper: the jumper is taken off and a PNP transistor takes its place, emitter to the jumper’s 5 volt pin, collector to the lamp’s pin; 10 kilohm between base and emitter; the base through 1 kilohm to the collector of an NPN transistor whose base hangs on pin 12 (GPIO18) through 4.7 kilohm. Right, for panels whose pin 16 is free: an NPN transistor or MOSFET between pin 16 and ground, its base through 1 kilohm to pin 12; pin 15 through a resistor to 5 volts.','GPIO18 is pin 12. Dark until the agent runs: at power-on the pin is an input that is pulled down.')
    s.rect(20,78,540,462); s.text(40,108,'At the backpack’s jumper','h2'); s.text(40,128,'no cut, no soldering on the panel; the usual way','s')
    s.rect(30,150,70,370,'mask',8); s.pad(84,430,'12',11); s.text(64,435,'18','ms','end',' font-size="12"'); s.pad(84,490,'14',11); s.text(66,495,'GND','ms','end',' font-size="11.5"'); s.pad(84,190,'2',11); s.text(66,195,'5 V','ms','end',' font-size="12"')
    s.rect(416,150,128,96,'mod'); s.text(480,174,'jumper off','b','middle'); s.text(456,210,'5 V','mo',extra=' font-size="12"'); s.text(448,231,'lamp','mo',extra=' font-size="12"')
    s.wire('sig',(96,430),(212,430)); s.res(152,430,'4.7 kΩ'); 
    s.wire('gnd',(96,490),(242,490),(242,456)); 
    s.wire('sig',(242,404),(242,300),(344,300)); s.res(242,360,'1 kΩ',True); npn(s,230,430,'Q1 NPN, such as BC547')
    s.wire('p5',(96,190),(372,190)); 
    npn(s,360,300,'Q2 PNP',True); s.text(396,323,'such as BC327','s')
    s.wire('p5',(372,274),(372,190)); s.wire('p5',(372,190),(440,190)); s.dot('p5',372,190); 
    s.wire('p5',(310,190),(310,212)); s.wire('sig',(310,252),(310,300)); s.dot('p5',310,190); s.dot('sig',310,300); s.res(310,232,'10 kΩ',True,an='end')
    s.wire('sig',(372,326),(372,366),(500,366),(500,226))
    s.pad(500,226,'',8); s.pad(440,190,'',8)
    s.lines(300,466 if 0 else 480,['base of Q2: (5 − 0.9) V / 1 kΩ = 4 mA','base of Q1: (3.3 − 0.7) V / 4.7 kΩ = 0.6 mA'],'s',19)
    s.mark(1,372,246) if 0 else s.mark(1,410,366); s.mark(2,480,262) if 0 else s.mark(2,528,258)
    s.rect(576,78,404,462); s.text(596,108,'At pin 16 of the panel','h2'); s.text(596,128,'where no backpack holds it, or its trace is cut','s')
    s.rect(586,150,70,370,'mask',8); s.pad(640,400,'12',11); s.text(620,405,'18','ms','end',' font-size="12"'); s.pad(640,490,'14',11); s.text(622,495,'GND','ms','end',' font-size="11.5"'); s.pad(640,190,'2',11); s.text(622,195,'5 V','ms','end',' font-size="12"')
    s.rect(860,150,100,210,'mod'); s.text(910,270,'panel','h2','middle'); s.pad(874,190,'15',10); s.pad(874,330,'16',10); s.text(892,195,'A (+)','mo'); s.text(892,335,'K (−)','mo')
    s.wire('p5',(652,190),(864,190)); s.res(760,190,'R: see the panel’s sheet'); s.wire('sig',(864,330),(792,330),(792,374)); s.wire('gnd',(792,426),(792,490),(652,490)); s.wire('sig',(652,400),(762,400)); s.res(706,400,'1 kΩ'); npn(s,780,400,'NPN')
    s.lines(676,226,['some panels have no R','inside: a 4.1 V lamp of','100 mA wants 10 Ω here'],'s',19); s.text(816,424,'such as BC337','s')
    s.mark(3,826,190)
    return s.save(f)
def d8(f):
    s=S(1000,720,'A case of five boards: which boundary is measured where','Nested frames. Outermost, wall: a wall meter before the supplies. Inside it enclosure: everything that goes into the case: five boards, switch, panel and fan. Inside that node: one board at its 5 volt input, behind a shunt. Innermost, soc-rails: what the processor itself says. Losses of the supplies lie between wall and enclosure.','A figure is worth what is inside its frame. Never add a frame to one that lies in it.')
    s.rect(20,78,960,622); 
    s.rect(150,92,816,594,'fr',14,' fill="none" stroke="var(--goldf)" stroke-width="3"'); s.text(166,118,'wall','h2 gold'); s.text(206,118,'what you pay for: all of it, with the supplies’ loss','s')
    s.rect(330,140,620,520,'fr',12,' fill="var(--ground)" stroke="var(--goldf)" stroke-width="2.5" stroke-dasharray="10 5"'); s.text(348,166,'enclosure','h2 gold'); s.text(432,166,'what goes into the case, behind the supplies','s')
    # mains
    s.a('<circle cx="70" cy="250" r="26" class="r"/><circle cx="61" cy="250" r="4" class="fgnd"/><circle cx="79" cy="250" r="4" class="fgnd"/>'); s.text(70,300,'outlet','s','middle')
    s.wire('ac',(96,250),(200,250),(200,300)); s.wire('ac',(200,250),(200,560),(222,560)); s.wire('ac',(200,320),(222,320))
    def meter(x,y,t,c='goldf'):
        s.a(f'<circle cx="{x}" cy="{y}" r="19" fill="var(--plate)" stroke="var(--{c})" stroke-width="3"/>'); s.text(x,y+5,t,'b','middle')
    meter(150,250,'W'); s.lines(70,340,['[[wall]]','asked by','the','collector'],'mo',17,'middle')
    s.rect(222,270,92,100,'mod'); s.text(268,312,'supply','h2','middle'); s.text(268,331,'5.1 V, 60 W','s','middle')
    s.rect(222,530,92,60,'mod'); s.text(268,556,'adapter','h2','middle'); s.text(268,575,'12 V','s','middle')
    ys=[206,274,342,410,478]
    s.wire('p5',(314,320),(350,320)); s.wire('p5',(350,206),(350,478))
    for i,y in enumerate(ys):
        s.wire('p5',(350,y),(520,y))
        s.rect(438,y-29,390,58,'fr',10,' fill="none" stroke="var(--goldf)" stroke-width="2" stroke-dasharray="2 4"')
        s.rect(520,y-23,292,46,'mask',8); s.text(536,y+5,f'pi-{i+1}','mi h2')
        s.rect(640,y-15,86,30,'rr',4,' fill="none" stroke="var(--pad)" stroke-width="1.5" stroke-dasharray="3 3"'); s.text(683,y+5,'soc-rails','ms','middle',' font-size="12.5"')
        meter(462,y,'m')
        s.wire('sda',(812,y),(852,y))
    s.text(444,172+0,'node','h2 gold') if 0 else s.text(842,194,'node','h2 gold')
    s.wire('sda',(852,206),(852,560)); 
    s.rect(520,530,292,60,'mod'); s.text(536,556,'switch','h2'); s.text(536,575,'8 ports','s'); s.wire('sda',(812,560),(852,560)); s.wire('p5',(314,560),(520,560)); meter(462,560,'m'); s.tag('p5',390,560,'12 V'); s.text(862,404,'Ethernet','volt',extra=' transform="rotate(90 862 404)" text-anchor="middle"')
    # panel and fan at pi-1
    s.rect(730,y:=ys[0]-15,70,30,'bz',4,' fill="var(--glass)"'); s.text(765,ys[0]+5,'panel','','middle',' style="fill:var(--gink);font-size:12.5px"')
    s.rect(730,ys[1]-15,70,30,'mod',4); s.text(765,ys[1]+5,'fan','','middle',' font-size="12.5"')
    s.tag('p5',392,206,'5 V')
    s.mark(1,200,206); s.mark(2,406,620) ; s.mark(3,406,274); s.mark(4,618,206) ; s.mark(5,852,622)
    s.text(428,626,'node meters + switch’s meter = enclosure (≥ if one is missing)','s')
    return s.save(f)
if __name__=='__main__':
    W=FOLDER
    print(d5(W+'5-oled.svg'),d6(W+'6-gpio.svg'),d7(W+'7-backlight.svg'),d8(W+'8-case.svg'))
