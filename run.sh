#!/bin/sh
# Starts everything in the foreground. The first Ctrl+C drains, the second stops at once.
exec "$(dirname -- "$0")/bin/throughline" up "$@"
