# The same targets for users of just; see the Makefile.

default:
    @just --list

# Start everything from this checkout
dev:
    make dev

# Start the three services, each under its own supervisor
run-split:
    #!/bin/sh
    trap 'kill 0' INT TERM
    bin/throughline core & bin/throughline record & bin/throughline data &
    wait

build:
    make build

build-core:
    make build-core

build-data:
    make build-data

test:
    make test

check:
    make check

bench:
    make bench

soak:
    make soak

clean:
    make clean

# Delete the database; asks first
db-reset:
    make db-reset
