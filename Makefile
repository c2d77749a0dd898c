# All that is built or fetched goes to build/; see clean and clean-all.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

# The Envoy to run with: a supported version, or with ENVOY the path of a binary.
ENVOY_VERSION ?= 1.40.0
SUPPORTED_ENVOYS := 1.39.3 1.40.0
ENVOYS := 1.38.3 $(SUPPORTED_ENVOYS)
FETCHED_ENVOY := build/envoy-$(ENVOY_VERSION)/envoy
CHOSEN_ENVOY := $(or $(ENVOY),$(CURDIR)/$(FETCHED_ENVOY))
ENVOY_TO_FETCH := $(if $(ENVOY),,$(FETCHED_ENVOY))
FUZZTIME ?= 30s
UNLISTED ?= block
DATA_PLANE ?= sidecar
IMAGE ?= wildcard-egress:dev

SOURCES := go.mod go.sum $(shell find . \( -path ./build -o -path ./testenv -o -path ./monitoring -o -name '.?*' \) -prune -o \
	-name '*_test.go' -prune -o \( -name '*.go' -o -name '*.[ch]' -o -name '*.schema.json' -o -path './ui/static/*' \) -print)
MODULE := build/libwildcard_egress.so
FAULTY_MODULE := build/fault/libwildcard_egress.so
TAGS := netgo,osusergo
COMMAND := build/wildcard-egress

# One way to compile, so that Go's cache has each dependency once: with these tags
# packages without C are the same for all, with CGO_ENABLED=0 too. The module's
# own are once more, for a shared library is other code.
export GOFLAGS := $(shell go env GOFLAGS 2>/dev/null) -trimpath -tags=$(TAGS)

# What the machine lacks for the targets is said before anything else is done.
# (In the image's build there is no testenv.)
$(if $(shell [ ! -e testenv/needs ] || ENVOY='$(ENVOY)' ENVOY_VERSION='$(ENVOY_VERSION)' ENVOYS='$(ENVOYS)' testenv/needs $(MAKECMDGOALS) >&2 || echo no),$(error install that first))

.PHONY: help test-monitoring dashboard dashboard-picture docker clean-all build envoy run test check check-format check-abi check-envoy test-unit test-e2e test-long test-sanitizers test-ui manifests image test-image test-cluster fuzz bench bench-guard bench-deps clean
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo; echo "build/ has $$(du -sh build 2>/dev/null | cut -f1 | grep . || echo 0) now, of it each Envoy 107 MB; make clean-all removes all that stays here."

build: $(MODULE) $(COMMAND) ## build the Envoy module and the command line

# The faulty one panics where a test tells it to.
$(FAULTY_MODULE): TAGS := $(TAGS),fault
$(MODULE) $(FAULTY_MODULE): $(SOURCES)
	go build -buildmode=c-shared -tags $(TAGS) -o $@ ./cmd/libwildcard_egress

$(COMMAND): $(SOURCES)
	CGO_ENABLED=0 go build -buildvcs=auto -o $@ ./cmd/wildcard-egress

envoy: $(ENVOY_TO_FETCH) ## get the chosen Envoy (ENVOY, ENVOY_VERSION) and print its path
	@test -x '$(CHOSEN_ENVOY)' || { echo 'ENVOY=$(CHOSEN_ENVOY): not an executable file' >&2; exit 1; }
	@echo '$(CHOSEN_ENVOY)'

build/envoy-%/envoy:
	@testenv/envoys/get $* $@

# exec, so that a signal to make's child reaches the program that has to clean up.
run: build $(ENVOY_TO_FETCH) ## the article's requests on this machine, then yours, with a live policy; DATA_PLANE=ambient: behind ztunnel; V=1: log lines in JSON; ONCE=1 ends with 0 if all is well
	CGO_ENABLED=0 go build -C testenv -o ../build/run ./run
	@ENVOY='$(CHOSEN_ENVOY)' exec build/run -once='$(or $(ONCE),0)' -unlisted='$(UNLISTED)' -data-plane='$(DATA_PLANE)' -v='$(or $(V),0)'

test: check test-unit test-e2e ## everything that CI runs

check: check-format check-abi ## format, linters (.golangci.yml), the walls between rooms, the pages, the ABI
	go tool -modfile=tools/go.mod golangci-lint run --allow-parallel-runners ./...
	cd testenv && go tool -modfile=../tools/go.mod golangci-lint run --allow-parallel-runners ./...
	go vet -tags $(TAGS),fault ./cmd/libwildcard_egress
	go test -count=1 .
	CGO_ENABLED=0 go build ./filter/... ./bootstrap/...

check-abi: ## hold our declarations against Envoy's header (1.38) and source (1.39.1)
	go -C testenv test -count=1 ./abi

check-envoy: build $(ENVOY_TO_FETCH) ## judge an Envoy (ENVOY=path): each callback that the module uses is there, and behaves
	ENVOY='$(CHOSEN_ENVOY)' go -C testenv test -count=1 -v -run '^TestCallbacks$$' ./e2e

check-format:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w these: $$unformatted" >&2; exit 1; }

# What has goroutines, or is called by several threads, runs with the race detector.
# The parser is called by one: livepolicy's tests have it called by several.
RACING := envoy|filter|livepolicy|logs|ui
NOT_RACING := filter/policy/(analysis|document)
test-unit: ## unit, property and fuzz-seed tests, race tests
	@all=$$(go list ./... | sort); racing=$$(grep -E '^wildcard-egress/($(RACING))(/|$$)' <<<"$$all" | grep -vE '/($(NOT_RACING))$$'); \
	set -x; go test -race $$racing; go test $$(comm -23 <(echo "$$all") <(echo "$$racing"))

test-e2e: build $(FAULTY_MODULE) $(ENVOYS:%=build/envoy-%/envoy) ## end to end, in each supported Envoy; all run, also after a failure
	@exec testenv/suite $(SUPPORTED_ENVOYS)

test-long: build $(ENVOY_TO_FETCH) ## more of what takes long: 5,000 silent connections, random names, stuck connections in a control group (as root, on a machine that is not busy)
	@ENVOY='$(CHOSEN_ENVOY)' WILDCARD_EGRESS_LONG=1 go -C testenv test -tags $(TAGS),long -count=1 -v -timeout 40m -run 'Silent|Distinct|RandomNames|MemoryIs' ./e2e

test-sanitizers: $(ENVOYS:%=build/envoy-%/envoy) ## race detector, address and thread sanitizers, in Envoy too
	@testenv/sanitizers/run $(SUPPORTED_ENVOYS)

test-ui: build $(ENVOY_TO_FETCH) ## try the page of `wildcard-egress ui` in a browser (Chromium), beside a gateway; SCREENSHOT=FILE: its picture
	@ENVOY='$(CHOSEN_ENVOY)' SCREENSHOT='$(abspath $(SCREENSHOT))' go -C testenv test -count=1 ./browser

manifests: $(COMMAND) ## write the manifests in examples/
	$(COMMAND) istio examples/policy.yaml --to examples/istio
	$(COMMAND) istio examples/policy.yaml --data-plane ambient --to examples/ambient
	$(COMMAND) istio examples/team/policy.yaml --options examples/team/options.yaml --to examples/team/egress

test-monitoring: build $(ENVOY_TO_FETCH) ## dashboard and alerts, with a live gateway; wants prometheus and promtool in PATH (Debian: prometheus)
	ENVOY='$(CHOSEN_ENVOY)' go -C monitoring test -count=1 .

dashboard: ## write the Grafana dashboard in examples/
	go -C monitoring run . ../examples/monitoring/dashboard.json

dashboard-picture: build $(ENVOY_TO_FETCH) ## draw the dashboard after two minutes of traffic, docs/dashboard.png; wants prometheus in PATH
	ENVOY='$(CHOSEN_ENVOY)' go -C monitoring run ./picture ../examples/monitoring/dashboard.json ../docs/dashboard.png

image: build $(ENVOY_TO_FETCH) ## build the container image IMAGE on BASE_IMAGE, or a local base without a registry; FLAVOR=plain: on a plain Envoy
	@testenv/image/build '$(IMAGE)' '$(CHOSEN_ENVOY)' '$(BASE_IMAGE)' '$(if $(filter plain,$(FLAVOR)),envoyproxy/envoy:v$(ENVOY_VERSION))'

test-image: image ## try the image in containers, and the one of a plain Envoy behind ztunnel
	@$(MAKE) --no-print-directory image FLAVOR=plain BASE_IMAGE= IMAGE='$(IMAGE)-plain'
	IMAGE='$(IMAGE)' PLAIN_IMAGE='$(IMAGE)-plain' go -C testenv test -count=1 ./image

# CLUSTER_DIR, by default build/cluster, is where the programs are kept.
test-cluster: build $(ENVOY_TO_FETCH) ## apply the manifests in a real Kubernetes and Istio, made here for that (root, Debian; not in CI): 30 minutes more at the first time; RUN=pattern, IN=bash: look around
	@ENVOY='$(CHOSEN_ENVOY)' testenv/cluster/run $(or $(IN),$(if $(RUN),-test.run '$(RUN)'))

fuzz: ## fuzz every target for FUZZTIME each
	@for package in $$(go list ./...); do for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 200x $$package; \
	done; done

# The short run writes build/benchmarks, the full one docs/benchmarks.md.
bench: build $(ENVOY_TO_FETCH) ## what a connection costs, beside the old chain: 3 minutes; FULL=1: 30, to docs/
	CGO_ENABLED=0 go build -C testenv -o ../build/bench ./bench
	@ENVOY='$(CHOSEN_ENVOY)' exec build/bench $(if $(FULL),-full -out docs) $(BENCH)

bench-guard: ## hold the hot path's allocations and instructions to the committed ones; UPDATE=1 writes them
	@CGO_ENABLED=0 go build -C testenv -o ../build/guard ./bench/guard
	@build/guard $(if $(UPDATE),-update)

bench-deps: ## install what the benchmarks can use (Debian): HAProxy, nginx, valgrind
	apt-get install -y --no-install-recommends haproxy nginx libnginx-mod-stream valgrind

docker: ## start Docker's daemon where none answers, and install it before (Debian, as root); image needs one
	@testenv/image/dockerd

clean: ## remove what was built; the fetched Envoys and the cluster's programs stay
	find build -mindepth 1 -maxdepth 1 ! -name 'envoy-*' ! -name cluster -exec rm -rf {} + 2>/dev/null || true

clean-all: ## remove all of build/, Envoys too, and the images; says what else the tools keep
	rm -rf build
	@docker image rm -f '$(IMAGE)' '$(IMAGE)-plain' wildcard-egress-base:local 2>/dev/null || true
	@echo "Go's caches are shared with other projects: $$(du -sh "$$(go env GOCACHE)" "$$(go env GOMODCACHE)" 2>/dev/null | tr '\t\n' ' ;')"
	@echo 'remove them with: go clean -cache -fuzzcache -modcache'
