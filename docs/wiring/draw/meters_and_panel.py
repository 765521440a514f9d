from pen import S, FOLDER
def hdr(s,x,y,dy,pins,gap=30):
    """Two columns of pads; pins is a list of (odd, even)."""
    for i,(a,b) in enumerate(pins):
        s.pad(x,y+i*dy,str(a),10,a==1)
        if b: s.pad(x+gap,y+i*dy,str(b),10)
def d2(f):
    s=S(1000,800,'One meter in the 5 V line of one board: INA219 or INA226','A supply of 5.1 volts. Its plus goes to VIN plus of the meter, through the shunt, from VIN minus to the power socket of the board. Its minus goes straight to the board. From the meter four thin wires to the header: VCC to pin 1 (3.3 volts), SDA to pin 3, SCL to pin 5, GND to pin 9. Below, a chart of the board’s voltage over current: with 0.1 ohm it falls under 4.63 volts at 2.35 amperes, with 10 milliohm it stays at 4.83 volts at 2.5 amperes. A table says how far each chip can read with each shunt.','A cut USB cable does it: the plus goes through the shunt, the minus through no meter. Numbers: see the list under the drawing.')
    s.rect(20,78,960,330)
    # supply
    s.rect(44,92,126,104,'mod'); s.text(100,138,'supply','h2','middle'); s.text(100,158,'5.1 V','','middle')
    s.text(154,119,'−','b','middle'); s.text(154,168,'+','b','middle')
    s.rect(332,134,230,112,'mod'); s.text(452,212,'meter board','h2','middle')
    # board
    s.rect(712,90,244,306,'mask',10); s.lines(874,140,['the board','that is measured'],'ms',19,'middle')
    s.rect(712,100,74,76,'mod',4); s.text(749,134,'power','','middle',' font-size="12.5"'); s.text(749,151,'socket','','middle',' font-size="12.5"')
    # power
    s.wire('gnd',(170,114),(712,114)); s.tag('gnd',250,114,'GND')
    s.wire('p5',(170,162),(360,162)); s.tag('p5',250,162,'5 V')
    s.wire('p5',(360,162),(712,162)); s.tag('p5',640,162,'5 V')
    s.pad(360,162); s.pad(534,162); s.rect(416,152,62,20,'r',2); s.text(447,167,'shunt','','middle',' font-size="12.5"')
    s.text(360,148,'VIN+','mo','middle'); s.text(534,148,'VIN−','mo','middle')
    s.wire('p5',(534,172),(534,196)); s.pad(534,200,'',8); s.text(523,196,'VBUS','mo','end',' font-size="11.5"')
    hdr(s,806,264,29,[(1,2),(3,4),(5,6),(7,8),(9,10)])
    for i,(t,x) in enumerate((('VCC',510),('SDA',464),('SCL',418),('GND',372))):
        k=('p3','sda','scl','gnd')[i]; y=(264,293,322,380)[i]
        s.wire(k,(x,246),(x,y),(795,y)); s.tag(k,640,y,('3.3 V','SDA','SCL','GND')[i])
        s.pad(x,246,'',8); s.text(x,233,t,'mo','middle',' font-size="12"')
    s.mark(1,310,186); s.mark(2,348,340); s.mark(3,578,264); s.mark(4,398,186); s.mark(5,690,196); s.mark(6,562,214)
    s.path('M714 380H796','w',' stroke="var(--mink)" stroke-width="2"'); s.lines(856,269,['5 V','5 V'],'ms',29); s.text(856,327,'GND','ms')
    # chart
    s.rect(20,424,470,356); s.text(40,450,'What the shunt leaves of 5.10 V','h2'); s.text(40,469,'supply 5.10 V, cable and plugs 0.10 Ω together (assumed)','s')
    X=lambda i:round(80+i*118,1); Y=lambda v:round(740-(v-4.4)*330,1)
    s.a(f'<rect x="{X(0)}" y="{Y(4.86)}" width="{X(3)-X(0)}" height="{Y(4.4)-Y(4.86)}" fill="var(--hotw)" opacity=".6"/>')
    for v in (4.4,4.6,4.8,5.0): s.path(f'M{X(0)} {Y(v)}H{X(3)}','thin'); s.text(72,Y(v)+5,f'{v:.1f}','s','end')
    for i in (0,1,2,3): s.text(X(i),759,f'{i} A' if i else '0','s','middle')
    s.text(72,496,'V','s','end')
    s.path(f'M{X(0)} {Y(4.63)}H{X(3)}','w',' stroke="var(--hotf)" stroke-width="2" stroke-dasharray="7 4"')
    s.text(X(0)+8,Y(4.63)+17,'4.63 V ± 5 %: the board says under-voltage','hot',extra=' font-size="12.5"')
    s.path(f'M{X(2.5)} {Y(5.15)}V{Y(4.4)}','ed',' stroke-dasharray="2 4"')
    for r,c,lab,wd in ((.10,'--edge','no meter: 4.85 V',2.5),(.11,'--goodf','10 mΩ: 4.83 V',3.5),(.20,'--goldf','0.1 Ω: 4.60 V',3.5)):
        s.path(f'M{X(0)} {Y(5.1)}L{X(3)} {Y(5.1-3*r)}','w',f' stroke="var({c})" stroke-width="{wd}"')
        s.a(f'<circle cx="{X(2.5)}" cy="{Y(5.1-2.5*r)}" r="5" fill="var({c})" stroke="var(--plate)" stroke-width="2"/>')
    s.text(X(2.5)+8,Y(4.95),'no meter: 4.85 V','s'); 
    s.text(X(2.5)-10,Y(4.80)-2,'10 mΩ: 4.83 V','b','end'); s.text(X(2.5)+10,Y(4.63)-8,'0.1 Ω: 4.60 V','b')
    # table
    s.rect(506,424,474,356); s.text(526,450,'Which shunt for which chip','h2'); s.text(526,469,'“reads to” is where the chip’s own range ends: beyond it is no value','s')
    cols=(526,602,696,782,872); y=500
    for x,t in zip(cols,('chip','shunt','reads to','at 2.5 A','heat')): s.text(x,y,t,'s')
    rows=[('INA219','0.1 Ω','3.2 A','250 mV','625 mW','n'),('INA219','10 mΩ','32 A','25 mV','63 mW','o'),('INA226','0.1 Ω','0.82 A','overflow','—','x'),('INA226','10 mΩ','8.2 A','25 mV','63 mW','g'),('INA226','20 mΩ','4.1 A','50 mV','125 mW','g'),('INA260','2 mΩ inside','15 A','5 mV','13 mW','g'),('INA3221','0.1 Ω','1.6 A','overflow','—','x'),('INA3221','20 mΩ','8.2 A','50 mV','125 mW','g')]
    for i,r in enumerate(rows):
        yy=526+i*26; s.path(f'M526 {yy-18}H960','thin')
        for x,t in zip(cols,r[:5]): s.text(x,yy,t,'hot b' if r[5]=='x' and t=='overflow' else ('b' if x==526 else ''))
        s.text(962,yy,{'g':'✓','x':'✗','n':'small boards','o':'zero ± 0.1 W'}[r[5]] if r[5] in 'gx' else '', 'good b' if r[5]=='g' else 'hot b','end')
    s.lines(526,742,['INA219 with 0.1 Ω: for a Zero or a Pi 3, not for a Pi 4 or 5. INA219 with','10 mΩ: its zero is off by up to 20 mA (0.1 W). The shunt’s rated power','has to be twice its heat at least.'],'s',17)
    return s.save(f)
def d3(f):
    s=S(1000,600,'INA3221: three boards behind one chip','A supply feeds three shunts of an INA3221 board. Channel 1 goes to the board that reads the chip, channels 2 and 3 to two more boards. Grounds of all boards go back to the supply. Only the first board has the I2C wires: 3.3 volts from pin 1, SDA pin 3, SCL pin 5, GND pin 9.','One board reads all three. Wires of the other two are power and ground only: two agents must never drive one chip.')
    s.rect(20,78,960,504)
    s.rect(44,196,126,140,'mod'); s.text(107,236,'supply','h2','middle'); s.text(107,256,'5.1 V','','middle'); s.text(107,276,'3 × 3 A','s','middle')
    s.text(152,222,'+','b','middle'); s.text(107,326,'−','b','middle')
    ys=(216,346,466)
    s.wire('p5',(170,216),(230,216),halo=False); s.wire('p5',(230,216),(230,466),halo=False); s.dot('p5',230,216); s.dot('p5',230,346); s.text(222,206,'5 V','gold b','end') if 0 else None
    for y in ys: s.wire('p5',(230,y),(322,y)); s.wire('p5',(538,y),(716,y))
    s.rect(296,166,268,350,'mod'); s.text(430,286,'INA3221 board','h2','middle'); s.text(430,404,'address 0x40 to 0x43','s','middle')
    for i,y in enumerate(ys):
        s.pad(322,y); s.pad(538,y); s.wire('p5',(333,y),(527,y),halo=False); s.rect(400,y-10,60,20,'r',2); s.text(430,y+5,'20 mΩ','','middle',' font-size="12"')
        s.text(330,y-16,f'IN+{i+1}','mo'); s.text(530,y-16,f'IN−{i+1}','mo','end')
        s.tag('p5',630,y,f'channel {i+1}')
    # boards
    s.rect(712,92,232,172,'mask',10); s.text(838,186,'pi-1','mi h2','middle'); s.text(838,206,'reads the chip','ms','middle')
    for i,(k,t,x,y,n) in enumerate((('p3','3.3 V',346,108,1),('sda','SDA',386,132,3),('scl','SCL',426,156,5),('gnd','GND',466,180,9))):
        if i<3: s.wire(k,(x,178),(x,y),(728,y))
        else: s.wire(k,(x,182),(x,180),(728,180))
        s.pad(738,y,str(n),10,n==1); s.tag(k,630,y,t)
    for t,x in (('VS',346),('SDA',386),('SCL',426),('GND',466)):
        s.pad(x,182,'',8)
    for nm,y in (('pi-2',346),('pi-3',466)):
        s.rect(712,y-44,232,88,'mask',10); s.text(838,y+5,nm,'mi h2','middle')
    for y in ys: s.rect(712,y-16,46,32,'mod',3); s.text(735,y+4,'5 V','','middle',' font-size="11.5"')
    s.wire('gnd',(107,336),(107,552),(964,552),(964,230),halo=False)
    for y in (230,346,466): s.wire('gnd',(964,y),(944,y),halo=False)
    s.dot('gnd',964,346); s.dot('gnd',964,466); s.tag('gnd',500,552,'GND: as thick as the plus')
    s.mark(1,276,346); s.mark(2,500,216) if 0 else s.mark(2,486,232); s.mark(3,300,182); s.mark(4,692,362); s.mark(5,930,500)
    return s.save(f)
def pull(s,x,y1,y2,off=False,t='4.7 kΩ'):
    s.path(f'M{x} {y1}V{y2}','ln'); s.rect(x-7,(y1+y2)//2-17,14,34,'r',2)
    if off: 
        m=(y1+y2)//2; s.path(f'M{x-13} {m-19}L{x+13} {m+19}M{x+13} {m-19}L{x-13} {m+19}','w',' stroke="var(--hotf)" stroke-width="3.5"')
def d4(f):
    s=S(1000,800,'LCD 16×2 with a PCF8574 backpack: 5 V meets 3.3 V','Three ways to connect the panel to pins 2 (5 volts), 6 (ground), 3 (SDA) and 5 (SCL). A: directly; the backpack’s pull-ups of 4.7 kilohm to 5 volts lift the lines to 3.77 volts. B: the same with these pull-ups taken off; the lines stay at 3.3 volts. C: a level shifter between; 3.3 volts on the board’s side, 5 volts on the panel’s. Below, a scale of voltages with what a pin bears, what the expander is promised to read as high, and where the lines stand in each way.','The panel wants 5 V, the board’s pins bear 3.3 V. All meters on the same bus stay on the 3.3 V side.')
    names=(('A','directly','most people do; out of the pins’ limit'),('B','without the backpack’s pull-ups','safe for the board; 0.2 V short on paper'),('C','with a level shifter','right on both sides'))
    for j,(n,t,u) in enumerate(names):
        x=20+j*325; s.rect(x,78,310,330)
        s.text(x+18,106,f'{n}  {t}','h2'); s.text(x+18,126,u,('hot','gold','good')[j])
        ys=dict(p5=158,gnd=186,sda=262,scl=300)
        s.rect(x+14,142,34,176,'mask',6)
        px=x+176
        # backpack and panel
        s.rect(px,142,116,176,'mod'); s.rect(px+38,148,72,20,'mod',3); 
        for k,nm,p in (('p5','5 V',2),('gnd','GND',6),('sda','SDA',3),('scl','SCL',5)):
            y=ys[k]; s.wire(k,(x+32,y),(px+12,y)); s.pad(x+31,y,str(p),10); s.pad(px+12,y,'',7)
        s.rect(px+38,148,72,164,'mod',4)
        s.text(px+74,166,'PCF8574','','middle',' font-size="12.5"')
        s.wire('p5',(px+12,158),(px+26,158),halo=False)
        # pull-ups of the backpack
        for dx,y in ((50,262),(86,300)):
            s.path(f'M{px+19} {y}H{px+dx}','ln'); pull(s,px+dx,186,y,j==1)
        s.path(f'M{px+26} 158V186H{px+86}','ln')
        s.text(px+68,196 if 0 else 334,'2 × 4.7 kΩ to 5 V' if j!=1 else 'taken off (or cut)','hot' if j==0 else 's','middle',' font-size="12.5"')
        # pull-ups of the board
        s.text(x+16,334,'1.8 kΩ to 3.3 V','s',extra=' font-size="12.5"')
        if j==2:
            s.pad(x+31,224,'1',10,True); s.wire('p3',(x+42,224),(x+84,224)); s.text(x+63,216,'3.3 V','cap','middle',' font-size="11.5"')
            s.rect(x+84,176,66,142,'mod'); s.text(x+117,211,'shifter','','middle',' font-size="12.5"'); s.text(x+117,285,'BSS138','s','middle',' font-size="12"')
            for y in (262,300): s.path(f'M{x+104} {y-9}L{x+92} {y}L{x+104} {y+9}M{x+130} {y-9}L{x+142} {y}L{x+130} {y+9}M{x+92} {y}H{x+142}','ln')
            s.text(x+88,228,'LV','mo',extra=' font-size="11"'); s.text(x+146,193,'HV','mo','end',' font-size="11"')
            s.dot('p5',x+138,158); s.wire('p5',(x+138,158),(x+138,176))
        else: s.tag('sda',x+112,262,'SDA'); s.tag('scl',x+112,300,'SCL')
        # panel glass
        s.rect(x+14,346,282,50,'bz',6,' fill="var(--bezel)"'); s.rect(x+24,351,262,40,'gl',3,' fill="var(--glass)"')
        s.text(x+34,368,'picollect 0x27','mo',extra=' style="fill:var(--gink)"'); s.text(x+34,385,'16x2 äöüß °µ ✓ <','mo',extra=' style="fill:var(--gink)"')
    s.mark(1,20+112,232); s.mark(2,345+112,232) ; s.mark(3,670+161,222)
    # ladder
    s.rect(20,424,960,356); s.text(40,452,'Where the idle lines stand','h2')
    X=lambda v:round(150+v*146,1)
    s.a(f'<rect x="{X(0)}" y="506" width="{X(3.3)-X(0)}" height="184" fill="var(--goodf)" opacity=".13"/><rect x="{X(3.3)}" y="506" width="{X(5.4)-X(3.3)}" height="184" fill="var(--hotw)" opacity=".75"/>')
    s.text(X(1.65),498,'what a pin of the board is made for: 0 to 3.3 V','good','middle'); s.text(X(4.42),498,'above: “will likely destroy” (vendor)','hot','middle')
    for v in range(6): s.path(f'M{X(v)} 690V697','ed'); s.text(X(v),714,f'{v} V','s','middle')
    s.path(f'M{X(3.5)} 506V734','w',' stroke="var(--voltf)" stroke-width="2.5" stroke-dasharray="7 4"'); s.text(X(3.5)-8,731,'3.5 V: from here on a PCF8574 at 5 V is promised to read high (0.7 × 5 V)','volt','end')
    for i,(n,pts) in enumerate((('A directly',((3.77,'3.77 V on both sides','gold'),)),('B no pull-ups to 5 V',((3.3,'3.30 V','good'),)),('C level shifter',((3.3,'board 3.30 V','good'),(5.0,'panel 5.00 V','pan'))))):
        y=536+i*56; s.text(40,y+5,n.split(' ')[0],'h2'); s.text(60,y+5,' '.join(n.split(' ')[1:]).replace('no pull-ups to 5 V','no pull-up'),'s')
        s.path(f'M{X(0)} {y}H{X(5.4)}','thin')
        for v,t,c in pts:
            s.a(f'<circle cx="{X(v)}" cy="{y}" r="8" fill="var({"--hotf" if c=="gold" else "--plate" if c=="pan" else "--goodf"})" stroke="var({"--goodf" if c=="pan" else "--plate"})" stroke-width="2.5"/>')
            s.text(X(v)+(14 if v==3.77 else -14),y+5,t,'b',('start' if v==3.77 else 'end'))
    s.lines(40,753,['3.77 V = 3.3 V through 1.8 kΩ against 5 V through 4.7 kΩ. Only 0.26 mA flow, backwards into the board’s 3.3 V: why A seldom kills a board at once;','and it is above 3.5 V: why A works. With the board off and the panel fed from elsewhere, 5 V reach dead pins: never do that.'],'s',18)
    return s.save(f)
if __name__=='__main__':
    W=FOLDER
    print(d2(W+'2-ina219-ina226.svg'),d3(W+'3-ina3221.svg'),d4(W+'4-lcd.svg'))
