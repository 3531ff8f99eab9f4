# The two commands of a newcomer are `make run` and `make test`. `make help` lists the others.

# The programs are pure Go: no C compiler is needed, and the same tests run everywhere.
export CGO_ENABLED ?= 0

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
COMMIT      := $(shell git rev-parse --short HEAD 2>/dev/null)
LDFLAGS     := -X meterledger/internal/config.commit=$(COMMIT)

# Which rows `make bench` measures, and what else: BENCH='-only single-256,bulk'.
BENCH ?=

# What `make soak` does: how many cycles, and further flags for the api.
CYCLES        ?= 30
SOAK_API_ARGS ?= -snapshot-size 1MiB -snapshot-interval 2s

# The tests that go through every place where something can break only with
# PROOFS=whole, and else through a sample.
PROOFS_RUN := TailCut|TailGarbled|NothingAcknowledged|NoFailedWrite|FlippedBitIs|ToTheSameState|AnyStepOfClosing|StepOfAnArchive|NaiveModel|AsTheUncutOne|KilledCanBeRepeated|HeldUpAnywhere|EnergyIsConserved|PlainTruth|CameInTime|AddUp

# Which fuzz tests `make fuzz` runs, and how long each looks for an input that breaks it.
FUZZ     ?= .
FUZZTIME ?= 30s

# Those of what is read back from disk and from cursors, which `make check` runs.
FUZZ_READ_BACK := Fuzz(Apply|StateRecords|Frames|Index|Rows|Events|Manifest|Cursor)$$

# The tests on a real etcd: in whole packages, and by their names in others. Leases of seconds pass where all packages
# are tested at once: there these tests are skipped, and one that `make nodes` would not find fails.
NODES_RUN := Cluster|Etcd|Nodes|NextLeader
APART     := ETCD_APART='^(etcd|programs|api|deploy)/|$(NODES_RUN)'

# How many seeds `make simulate` goes through.
SEEDS ?= 10000

.PHONY: help build run cluster test check lint race fuzz proofs simulate soak soak-cluster nodes mutants bench demo demo-open etcd clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

build: ## the three programs into bin/
	@go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

run: build ## api, daily and monthly together, one log; Ctrl-C stops all three
	@go build -o bin/tools/ ./internal/tools/suite
	@exec bin/tools/suite -bin bin

cluster: build bin/tools/etcd ## three apis on one order, the three etcd that keep it, daily and monthly; kill what you like and watch
	@go build -o bin/tools/ ./internal/tools/suite
	@exec bin/tools/suite -bin bin -nodes 3

# On a fresh machine half of the time goes into compiling: vet is left to `make lint`, and the compiler collects garbage less
# often. The tests, and the programs that they start, do not.
test: ## all tests
	$(APART) GOGC=400 go test -vet=off -exec 'env -u GOGC' ./...
	@command -v chromium >/dev/null || echo "SKIPPED: the tests of pages in a browser, which need chromium (apt-get install chromium)"
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo "SKIPPED: the tests of the benchmark's row beside PostgreSQL, which need it (apt-get install postgresql)"
	@echo "SKIPPED: the tests of several nodes on a real etcd, which \`make nodes\` runs one after another"

check: FUZZ = $(FUZZ_READ_BACK)
check: lint race fuzz proofs soak nodes soak-cluster ## the stricter checks that CI runs after the tests

lint: ## formatting, vet, staticcheck
	@unformatted=$$(go run $(GOFUMPT) -l cmd internal api) && test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

race: ## all tests under the race detector; needs a C compiler
	$(APART) CGO_ENABLED=1 go test -race -timeout 30m ./...

# Go 1.26 may end a fuzz test with this error though it has found nothing: golang/go#75804.
FUZZ_OVER := ^    context deadline exceeded$$

fuzz: ## every fuzz test for FUZZTIME, 30s, two at a time (FUZZ=Apply for one); an input that breaks one is kept under its testdata/fuzz
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' internal | sed 's|\(.*\)/[^/]*:func |\1 |' | grep -E '$(FUZZ)' | sort | \
		xargs -P 2 -L 1 sh -c 'out=$$(go test -run "^$$" -fuzz "^$$1$$" -parallel 1 -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "./$$0" 2>&1); status=$$?; \
			printf "%s in %s\n%s\n" "$$1" "$$0" "$$out"; test $$status = 0 || printf "%s\n" "$$out" | grep -q "$(FUZZ_OVER)"'

proofs: ## the proofs by fault, whole: every crash, cut, flipped bit and failed write; prints how many; takes minutes and up to 10 GiB
	PROOFS=whole GOGC=400 GOMEMLIMIT=10GiB go test -count=1 -v -timeout 30m -run '$(PROOFS_RUN)' ./internal/journal ./internal/node
	PROOFS=whole go test -count=1 -v -timeout 30m -run 'EndsIn503s|BesideCallers|LongLife|NoOtherTime' ./internal/e2e ./internal/store ./internal/rest

simulate: ## three nodes on one order and all that befalls them, by seed (SEEDS=100000); a minute for each 1,000
	SEEDS=$(SEEDS) go test -count=1 -timeout 24h -run ThreeNodesKeepOneOrder ./internal/node

soak: build ## kills the api under load, 30 times, and compares all it keeps; CYCLES=200 for more
	@go build -o bin/tools/ ./internal/tools/drill
	@exec bin/tools/drill kill -bin bin -dir .soak -cycles $(CYCLES) -api-args '$(SOAK_API_ARGS)'

soak-cluster: bin/tools/etcd ## lets everything befall three nodes and their etcd, one thing a cycle, and compares all nodes; ten seconds a cycle (CLUSTER_SOAK='-only kill-leader -longest 20s')
	@go build -tags drill -ldflags '$(LDFLAGS)' -o bin/tools/soak/ ./cmd/...
	@go build -o bin/tools/ ./internal/tools/drill
	@exec bin/tools/drill cluster -bin bin/tools/soak -dir .soak -cycles $(CYCLES) $(CLUSTER_SOAK)

# Where there is a C compiler, what speaks to an etcd does so under the race detector.
nodes: etcd ## the tests of several nodes on a real etcd, one after another, and a whole history of what callers saw
	$(if $(shell command -v gcc),CGO_ENABLED=1 go test -race,go test) -count=1 -p 1 -parallel 8 -timeout 30m ./internal/etcd ./cmd/api
	go test -count=1 -p 1 -timeout 30m ./internal/tools/suite/programs ./internal/deploy
	PROOFS=whole go test -count=1 -p 1 -timeout 30m -run '$(NODES_RUN)' ./internal/e2e ./internal/tools/bench

mutants: ## breaks the program in a few ways, each of which a test must notice; takes minutes
	@go run ./internal/tools/mutants

bench: build ## how close to the machine's limits the api is: one table, in .bench/bench.json too
	@go build -ldflags '$(LDFLAGS)' -o bin/tools/ ./internal/tools/bench/...
	@exec bin/tools/bench -bin bin -dir .bench $(BENCH)

demo: build ## real households through the whole suite, in fresh folders under .demo/
	@go build -o bin/tools/ ./internal/tools/drill
	@exec bin/tools/drill tour -bin bin -dir .demo $(DEMO)

demo-open: DEMO = -open
demo-open: demo ## the same, then it goes on running, with the pages to open; Ctrl-C ends it

etcd: bin/tools/etcd bin/tools/etcdctl bin/tools/etcdutl ## the etcd that tests start, and its tools, into bin/tools/; takes minutes the first time

bin/tools/etcd bin/tools/etcdctl bin/tools/etcdutl: internal/tools/etcd/go.mod
	@echo "building $(@F), which takes minutes the first time"
	@cd internal/tools/etcd && go build -o ../../../$@ go.etcd.io/etcd/$(patsubst etcd,server,$(@F))/v3

clean: ## what was built, and what the cluster, the demo, the soak and the benchmark wrote
	rm -rf bin .demo .soak .bench .cluster
