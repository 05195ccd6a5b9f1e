# The project's verbs; `make help` lists them. Each does what it needs first, from nothing but Rust, Go and a C compiler.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
TOOLS := $(CURDIR)/.assets/tools
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_MUTANTS := $(TOOLS)/cargo-mutants-$(CARGO_MUTANTS_VERSION)/bin/cargo-mutants

CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_CYCLONEDX := $(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)/bin/cargo-cyclonedx

export RUST_BACKTRACE ?= 1

.PHONY: help
help: ## List the verbs
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: control-plane ## Show the operator at work on a local control plane and simulated Adobe systems (DEMO_ARGS=--once ends after the tour)
	@echo "demo: building the operator and the simulator…"
	@$(CARGO) build --workspace --bins
	@"$(TARGET)/debug/demo" $(DEMO_ARGS)

# The first letters of the test programs part them, so that each is in one of three: faults computes, the others run real
# servers and wait most of the time.
.PHONY: test
test: control-plane installation-tools ## Run every test
	@echo "test: building the programs and the tests…"
	@$(CARGO) build --workspace --bins --tests
	@echo "test: running them; faults in sight, the others beside them, with their output at the end…"
	@rm -f "$(TARGET)"/tmp/openapi-*.txt "$(TARGET)"/tmp/changes-*.txt
	@mkdir -p "$(TARGET)"/tmp
	@in_background() { $(CARGO) test --workspace "$${@:2}" >"$(TARGET)/tmp/tests-$$1.txt" 2>&1; }; \
		in_background operator --test 'o*' & operator=$$!; \
		in_background others --lib --bins --test '[!fo]*' & others=$$!; status=0; \
		nice -n 10 $(CARGO) test --workspace --test 'f*' -- --test-threads=$$(($$(nproc) + 1)) || status=$$?; \
		wait $$operator || status=$$?; wait $$others || status=$$?; \
		cat "$(TARGET)"/tmp/tests-{operator,others}.txt; exit $$status
	@$(CARGO) test --workspace --doc --quiet
	@echo "test: judged by Adobe's OpenAPI files (ADOBE_SPECS or ../shared/reference/specs) and openapi/facts.yaml:"
	@cat "$(TARGET)"/tmp/openapi-*.txt
	@echo "test: strangers in the tenants, and changes that were judged:"
	@cat "$(TARGET)"/tmp/changes-*.txt

.PHONY: histories
histories: ## Play N random histories of a new seed and judge each (N=10000; SEED=77 plays those of a seed again, FROM=42 from this number on)
	@echo "histories: building…"
	@$(CARGO) build --test faults
	@HISTORIES=$(or $(N),10000) $(if $(SEED),HISTORIES_SEED=$(SEED)) $(if $(FROM),HISTORIES_FROM=$(FROM)) \
		$(CARGO) test --test faults every_history -- --nocapture

.PHONY: lint
lint: $(CARGO_DENY) ## Check format, lints, licences and sources
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	"$(CARGO_DENY)" --log-level error check licenses bans sources
	@hack/advisories.sh "$(CARGO_DENY)"

.PHONY: check
check: lint test ## Lint and test: what CI runs

# Few random cases and no shrinking: what only luck finds shall count as missed.
.PHONY: mutants
mutants: export PROPTEST_CASES := 32
mutants: export PROPTEST_MAX_SHRINK_ITERS := 0
mutants: export PROPTEST_DISABLE_FAILURE_PERSISTENCE := 1
mutants: export INSTA_UPDATE := no
mutants: export RUST_BACKTRACE := 0
mutants: export CARGO_TARGET_DIR := $(abspath $(TARGET))
mutants: $(CARGO_MUTANTS) ## Break core/ in every small way and list what no test notices, see docs/mutants.md (two hours; MUTANTS_ARGS="--file core/src/ownership.rs" for a part)
	@echo "mutants: changing core/ one place at a time (about 2,600 of them, two hours on two cores)…"
	@# 3: some changes made a test run for ever, which is as good as failing.
	@"$(CARGO_MUTANTS)" mutants --package audience-sharing-core --output "$(TARGET)" $(MUTANTS_ARGS) || [ $$? -eq 3 ]

.PHONY: fuzz
fuzz: ## Fuzz every parser of outside bytes, FUZZ_SECONDS=60 each (FUZZ_ARGS="marks pql" for some; FUZZ_KEEP=1 keeps what reaches more)
	@echo "fuzz: building the library with coverage (about 8 minutes on two cores)…"
	@hack/fuzz.sh $(FUZZ_ARGS)

.PHONY: bench
bench: control-plane ## Measure the operator's figures, each beside its limit (13 minutes once built; BENCH_ARGS=edits for a part)
	@echo "bench: building the programs for release (about 9 minutes on two cores)…"
	@$(CARGO) build --release --workspace --bins
	@echo "bench: building what measures them…"
	@$(CARGO) bench --profile dev --bench figures -- $(BENCH_ARGS)

.PHONY: generate
generate: installation-tools ## Write anew what is made: crds/, docs/reference.md, docs/troubleshooting.md, the list in docs/visibility.md, the charts' READMEs and files, kustomize/
	@mkdir -p crds docs
	@$(CARGO) build --quiet --workspace --bins
	@"$(TARGET)/debug/audience-sharing" crds --output-directory crds
	@"$(TARGET)/debug/audience-sharing" crds --format markdown > "$(TARGET)/reference.md"
	@mv "$(TARGET)/reference.md" docs/reference.md
	@GENERATE=1 $(CARGO) test --quiet --test installation what_is_generated
	@GENERATE=1 $(CARGO) test --quiet --test faults every_failure
	@GENERATE=1 $(CARGO) test --quiet --test operator what_is_unproven

.PHONY: sbom
sbom: $(CARGO_CYCLONEDX) ## Write the bill of materials of the binary: audience-sharing.cdx.json
	@"$(CARGO_CYCLONEDX)" cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --manifest-path Cargo.toml
	@mv audience-sharing_bin.cdx.json audience-sharing.cdx.json
	@find . -name '*_bin.cdx.json' -not -path './target/*' -delete

.PHONY: control-plane
control-plane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl, unless KUBEBUILDER_ASSETS holds them
	@hack/control-plane/build.sh

.PHONY: installation-tools
installation-tools: ## Build helm and the judge of health (Flux's kstatus, Argo CD's Lua)
	@hack/installation/build.sh

$(CARGO_DENY):
	@echo "lint: installing cargo-deny $(CARGO_DENY_VERSION) (about 4 minutes on two cores)…"
	@$(CARGO) install --quiet --locked cargo-deny --version $(CARGO_DENY_VERSION) --root "$(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)"

$(CARGO_MUTANTS):
	@echo "mutants: installing cargo-mutants $(CARGO_MUTANTS_VERSION) (about 2 minutes on two cores)…"
	@$(CARGO) install --quiet --locked cargo-mutants --version $(CARGO_MUTANTS_VERSION) --root "$(TOOLS)/cargo-mutants-$(CARGO_MUTANTS_VERSION)"

$(CARGO_CYCLONEDX):
	@echo "sbom: installing cargo-cyclonedx $(CARGO_CYCLONEDX_VERSION) (about 2 minutes on two cores)…"
	@$(CARGO) install --quiet --locked cargo-cyclonedx --version $(CARGO_CYCLONEDX_VERSION) --root "$(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)"
