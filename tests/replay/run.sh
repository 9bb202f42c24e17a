#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - play every scenario of this folder.
exec "${BUILD:-build}/tests/replay/replay" tests/replay/*.rpl
