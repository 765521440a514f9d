module picollect/test/influxdb-lines

go 1.26

require github.com/influxdata/influxdb/v2 v2.7.12
