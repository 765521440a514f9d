// What InfluxDB's own parser makes of request bodies.
//
// Standard input has a body after the other: its precision (one byte: n, u, m or s), its length (four bytes, the
// least first) and its bytes. Standard output has a line for each thing that a body says: `point TIME MEASUREMENT`,
// `tag KEY VALUE`, `field KEY TYPE VALUE`, and `end N` behind a body, with the number of lines that were refused.
// Names and texts are in hexadecimal, floats as their 64 bits.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"strings"
	"time"

	"github.com/influxdata/influxdb/v2/models"
)

var precisions = map[byte]string{'n': "ns", 'u': "us", 'm': "ms", 's': "s"}

// The time of points that have none, a whole number in every precision.
var noTime = time.Unix(7, 0).UTC()

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		precision, err := in.ReadByte()
		if err == io.EOF {
			return
		}
		var length uint32
		if err := binary.Read(in, binary.LittleEndian, &length); err != nil {
			log.Fatal(err)
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil {
			log.Fatal(err)
		}
		say(out, body, precisions[precision])
	}
}

func say(out io.Writer, body []byte, precision string) {
	points, err := models.ParsePointsWithPrecision(body, noTime, precision)
	refused := 0
	if err != nil {
		refused = strings.Count(err.Error(), "unable to parse '")
	}
	for _, point := range points {
		if readable(point) {
			sayPoint(out, point)
		} else {
			refused++
		}
	}
	fmt.Fprintf(out, "end %d\n", refused)
}

// Only the server looks whether each value can be read. A text of a single quote, which a backslash at the right place
// gets past the parser, makes it panic.
func readable(point models.Point) (readable bool) {
	defer func() {
		if recover() != nil {
			readable = false
		}
	}()
	_, err := point.Fields()
	return err == nil
}

func sayPoint(out io.Writer, point models.Point) {
	fmt.Fprintf(out, "point %d %x\n", point.UnixNano(), point.Name())
	for _, tag := range point.Tags() {
		fmt.Fprintf(out, "tag %x %x\n", tag.Key, tag.Value)
	}
	for fields := point.FieldIterator(); fields.Next(); {
		key := fields.FieldKey()
		switch fields.Type() {
		case models.Float:
			value, _ := fields.FloatValue()
			fmt.Fprintf(out, "field %x float %x\n", key, math.Float64bits(value))
		case models.Integer:
			value, _ := fields.IntegerValue()
			fmt.Fprintf(out, "field %x integer %d\n", key, value)
		case models.Unsigned:
			value, _ := fields.UnsignedValue()
			fmt.Fprintf(out, "field %x unsigned %d\n", key, value)
		case models.Boolean:
			value, _ := fields.BooleanValue()
			fmt.Fprintf(out, "field %x boolean %t\n", key, value)
		case models.String:
			fmt.Fprintf(out, "field %x text %x\n", key, fields.StringValue())
		default:
			fmt.Fprintf(out, "field %x none\n", key)
		}
	}
}
