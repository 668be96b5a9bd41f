# AIS: make play to try it, make unit while you work, make test before you commit.

# GOFLAGS and the like are taken from the environment.
STAGE  := tools/stage.sh
LINT   := go tool -modfile=tools/go.mod golangci-lint
# Programs need no C; the race detector does.
STATIC := CGO_ENABLED=0
# The longest first, so that none of them runs alone in the end.
UNIT    = ais/fs ais/target ais/cluster/etcd ais/move $$(go list ./... | grep -v /internal/e2e)
FUZZ_TIME ?= 20s

.PHONY: build compile play stop test test-ml unit race race-many e2e lint fuzz bench fmt clean test-long

build: ## the binaries, in bin/
	$(STATIC) go build -o bin/ ./cmd/...

play: ## installs the aws CLI, builds, starts 1 proxy and 3 targets, says what to try
	deploy/install.sh play
	deploy/playground.sh up

stop: ## ends the playground, the data stays
	deploy/playground.sh down

test: ## everything, from nothing; each stage has its time
	$(STAGE) install 420 deploy/install.sh test
	$(STAGE) compile 900 $(MAKE) build compile
	$(STAGE) unit 180 $(MAKE) unit
	$(STAGE) race 360 $(MAKE) race
	$(STAGE) e2e 2400 $(MAKE) e2e

compile: ## what takes minutes on a fresh machine, so that the stages after it time tests
	go build -race -o .cache/race/ ./cmd/...
	go test -race -run '^$$' $(UNIT) >/dev/null
	$(STATIC) go test -run '^$$' $(UNIT) >/dev/null
	$(STATIC) go vet ./...

# Some tests wait more than they work, so four packages at a time.
unit: ## every package's own tests, as the programs are built; and a test of many names, which takes too long with the race detector
	$(STATIC) go vet ./...
	$(STATIC) go test -run '^TestSpread$$' ./cluster -cluster.names 100000
	$(STATIC) go test -p 4 -shuffle=on -timeout 170s $(UNIT)

race: ## the same tests with the race detector
	go test -race -p 4 -shuffle=on -timeout 350s $(UNIT)

e2e: ## clusters of real processes, real clients
	$(STATIC) AIS_E2E=1 go test -count=1 -timeout 2380s ./internal/e2e/

test-ml: ## TensorFlow, PyTorch and other readers of training data; a download of 500 MB
	$(STAGE) install-ml 1200 deploy/install.sh ml
	$(STATIC) go vet -tags ml ./internal/e2e/
	$(STAGE) ml 1200 env $(STATIC) AIS_E2E=1 go test -tags ml -count=1 -timeout 1180s -v -run '^TestML' ./internal/e2e/

race-many: ## the same again and again
	go test -race -shuffle=on -count=5 $(UNIT)

lint: ## golangci-lint, of the version in tools/go.mod (the first run compiles it)
	$(LINT) run ./...

fuzz: ## every fuzz test for FUZZ_TIME
	tools/fuzz.sh $(FUZZ_TIME)

bench: ## bench/ against a playground and nginx; see docs/performance.md
	deploy/install.sh bench
	$(STATIC) go build -o bin/ ./bench/... ./cmd/...
	bin/bench compare

test-long: ## what make test runs, but longer: full sizes, more seeds, more rounds
	deploy/install.sh test
	$(STATIC) go test -count=1 -timeout 60m ./fs/ -fs.every
	$(STATIC) go test -count=1 -run TestCrash -timeout 60m ./move/ -move.every
	$(STATIC) go test -count=1 -timeout 30m ./cluster/ -cluster.names 10000000 -cluster.seeds 500
	$(STATIC) AIS_E2E=long go test -count=1 -timeout 60m -v -skip '^TestConsistency$$' ./internal/e2e/
	$(STATIC) AIS_E2E=long go test -count=1 -timeout 60m -v -run '^TestConsistency$$' ./internal/e2e/

fmt: ## gofmt
	gofmt -l -w $$(git ls-files -co --exclude-standard '*.go')

clean: ## binaries and caches of this folder; the playground's data stays
	rm -rf bin .cache .venv .venv-ml .tools
