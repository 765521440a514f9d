from pen import S, FOLDER
PINS=[('3V3','GPIO2','GPIO3','GPIO4','GND','GPIO17','GPIO27','GPIO22','3V3','GPIO10','GPIO9','GPIO11','GND','GPIO0','GPIO5','GPIO6','GPIO13','GPIO19','GPIO26','GND'),
('5V','5V','GND','GPIO14','GPIO15','GPIO18','GND','GPIO23','GPIO24','GND','GPIO25','GPIO8','GPIO7','GPIO1','GND','GPIO12','GND','GPIO16','GPIO20','GPIO21')]
USE={1:('p3','sensors, OLED, all pull-ups'),2:('p5','panel, fan; or the way in from a meter'),4:('p5','the same net as pin 2'),3:('sda','SDA of I2C bus 1, 1.8 kΩ to 3.3 V on the board'),5:('scl','SCL of I2C bus 1, 1.8 kΩ to 3.3 V on the board'),
7:('sig','1-wire thermometer (w1-gpio’s own choice)'),11:('sig','page_button = 17'),13:('sig','alarm_led = 27'),12:('sig','backlight_pwm (dtoverlay=pwm)'),18:('sig','fan_tacho = 24'),17:('p3','the same net as pin 1'),
6:('gnd','ground of panel'),9:('gnd','ground of meters'),14:('gnd','ground of fan, button, LED'),
8:('no','serial console: leave free'),10:('no','serial console: leave free'),27:('no','ID_SD: nothing but a HAT’s EEPROM'),28:('no','ID_SC: nothing but a HAT’s EEPROM'),
20:('gnd',''),25:('gnd',''),30:('gnd',''),34:('gnd',''),39:('gnd',''),32:('fr','second choice for PWM'),33:('fr','second choice for PWM'),19:('fr','SPI, if it is on'),21:('fr','SPI, if it is on'),23:('fr','SPI, if it is on'),24:('fr','SPI, if it is on'),26:('fr','SPI, if it is on')}
def go(f):
    H=670; s=S(1000,H,'The 40-pin header and what picollect can use of it','Table of the forty pins in two columns, odd numbers left, even numbers right, pin 1 at the top left with a square pad. Used: 1 and 17 3.3 volts; 2 and 4 5 volts; 3 SDA; 5 SCL; 6, 9, 14 ground; 7 GPIO4 1-wire; 11 GPIO17 page button; 13 GPIO27 alarm LED; 12 GPIO18 backlight PWM; 18 GPIO24 fan tachometer. Pins 27 and 28 and 8 and 10 stay free.','Header on the right edge, SD card at the top, seen from above. In the pads: pins; beside them: GPIO numbers, which the configuration wants.')
    s.rect(448,76,104,572,'mask',10)
    for i in range(20):
        y=98+i*27.8
        for side in (0,1):
            n=2*i+1+side; x=478 if side==0 else 522; nm=PINS[side][i]; k,u=USE.get(n,('fr',''))
            y=round(y,1)
            s.pad(x,y,str(n),11,n==1)
            live=k in('p3','p5','sda','scl','sig','gnd'); an='end' if side==0 else 'start'; sg=-1 if side==0 else 1
            kk={'no':'sig','fr':'sig'}.get(k,k)
            if live: 
                s.path(f'M{x+sg*12} {y}H{500+sg*66}','w '+kk)
                s.rect(500+sg*66-(78 if side==0 else 0),round(y-10.5,1),78,21,'f'+kk,10); s.text(500+sg*105,round(y+5,1),nm,'tag','middle',' font-size="13"')
            else: s.text(500+sg*105,round(y+5,1),nm,'s','middle')
            if k=='no': s.text(500+sg*156,round(y+5,1),u,'hot',an,' font-size="13"')
            elif u: s.text(500+sg*156,round(y+5,1),u,'' if live else 's',an,' font-size="13"')
            elif k=='fr': s.text(500+sg*156,round(y+5,1),'free for [gpio]' ,'s',an)
            elif k=='gnd': s.text(500+sg*156,round(y+5,1),'ground','s',an)
    s.lines(28,104,[],'s')
    return s.save(f)
if __name__=='__main__': print(go(FOLDER+'1-header.svg'))
