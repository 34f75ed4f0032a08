module github.com/temoin/temoin

go 1.26.0

require (
	go.yaml.in/yaml/v4 v4.0.0
	golang.org/x/net v0.62.0
)

require golang.org/x/text v0.43.0 // indirect
