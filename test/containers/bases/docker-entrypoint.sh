#!/bin/sh
# Replaces itself by the command, as the official images' entry points do, so that this is process 1.
exec "$@"
