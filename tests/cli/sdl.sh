#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sdl.sh - `gavel sdl` as its users type it: outputs against tests/cli/golden,
# exit statuses, files replaced and left alone. `sdl.sh --renew` writes the golden
# files anew: look at the difference before it is kept. TAP.
cd "$(dirname "$0")/../.." || exit 1
gavel=$PWD/${BUILD:-build}/gavel
golden=$PWD/tests/cli/golden
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp tests/cli/messy.yaml tests/cli/compose/*.yml examples/web.yaml "$tmp/"
cd "$tmp" || exit 1
n=0 bad=0

result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else
		echo "not ok $n - $2"
		bad=1
	fi
}
# golden NAME STATUS ARGUMENTS...: what comes out on both streams, and the status.
golden() {
	local name=$1 want=$2 status
	shift 2
	"$gavel" sdl "$@" >out 2>err </dev/null
	status=$?
	{
		cat out
		[ ! -s err ] || sed 's/^/! /' err
	} >both
	[ "${renew:-}" != 1 ] || cp both "$golden/$name"
	[ $status = "$want" ]
	result $? "gavel sdl $*: exit $status"
	diff -u "$golden/$name" both >difference
	result $? "  says what $name says"
	[ ! -s difference ] || sed 's/^/# /' difference
}
# says PATTERN STATUS ARGUMENTS...
says() {
	local pattern=$1 want=$2 status
	shift 2
	"$gavel" sdl "$@" >both 2>&1 </dev/null
	status=$?
	grep -qE -- "$pattern" both && [ $status = "$want" ]
	result $? "gavel sdl $*: exit $status, /$pattern/"
}
[ "${1:-}" != --renew ] || renew=1

golden check-good 0 check web.yaml
golden check-bad 2 check messy.yaml
golden check-json 0 check --json web.yaml
golden lint 2 lint messy.yaml
golden lint-fix 2 lint --fix --check messy.yaml
golden fmt 0 fmt messy.yaml
golden explain-top 0 explain
golden explain-port 0 explain services.web.expose.0.port
golden explain-storage 0 explain 'profiles.compute.*.resources.storage'
golden explain-json 0 explain --json deployment.web.eu.count
golden convert-blog 0 convert blog.yml
golden convert-shop 0 convert shop.yml
golden convert-llm 0 convert llm.yml
golden hash 0 hash web.yaml
golden manifest 0 manifest web.yaml
golden groups 0 groups web.yaml --placement europe

# check
"$gavel" sdl check - <web.yaml >both 2>&1
grep -q '^-: good' both
result $? 'check - reads standard input'
says 'line.*:' 2 check --json messy.yaml
says 'good' 2 check web.yaml messy.yaml
says 'which file' 2 check
says 'no command chekc; did you mean "check"' 2 chekc
says 'no command frobnicate' 2 frobnicate
# once NAME PATTERN FILE: there is one line, and it says so
once() {
	[ "$(wc -l <"$3")" = 1 ] && grep -qE -- "$2" "$3"
	result $? "$1: one line, /$2/"
}
for command in check fmt convert lint manifest; do
	says "there is no option --foo: gavel sdl $command --help" 2 $command --foo
	once "sdl $command --foo" 'no option --foo' both
done
says 'the option --placement takes a value' 2 groups --placement
says 'there is no option -x' 2 fmt -x web.yaml
says "there is no file nope.yaml in $tmp: give its path" 2 check nope.yaml
for command in 'deploy' 'close' 'logs' 'update' 'port-forward' 'cp' 'agent' ''; do
	# shellcheck disable=SC2086
	"$gavel" $command --foo >both 2>&1 </dev/null
	once "gavel $command --foo" "no option --foo: gavel ?$command --help" both
done
"$gavel" provider check x.yaml >both 2>&1
[ $? = 2 ] && grep -q 'another program: gavel-provider check FILE' both
result $? 'gavel provider names the program'

# fmt
says '^messy.yaml$' 2 fmt --check messy.yaml web.yaml
cp messy.yaml kept.yaml
chmod 640 kept.yaml
ln -s kept.yaml link.yaml
"$gavel" sdl fmt --write link.yaml
[ -L link.yaml ] && [ "$(stat -c %a kept.yaml)" = 640 ] && cmp -s kept.yaml <("$gavel" sdl fmt messy.yaml)
result $? 'fmt --write goes through a link and keeps the mode'
[ -z "$("$gavel" sdl fmt --diff kept.yaml)" ]
result $? 'fmt --diff has nothing to show afterwards'
"$gavel" sdl fmt --check kept.yaml >/dev/null
result $? 'fmt --check is content afterwards'
printf 'a: [\n' >broken.yaml
says 'yaml_syntax' 2 fmt --write broken.yaml
[ "$(cat broken.yaml)" = 'a: [' ]
result $? '  and leaves alone what is not YAML'
says 'cannot be replaced' 2 fmt --write -
[ -z "$(find . -name '*.yaml.*')" ]
result $? 'no temporary file is left'

# lint
cp messy.yaml mend.yaml
"$gavel" sdl lint --fix mend.yaml >difference 2>err
result $? 'lint --fix mends all there was'
grep -q '^-            - db     # first' difference && grep -q '^+        command: \[postgres' difference
result $? '  shows what it did'
says 'mend.yaml: good' 0 check mend.yaml
says 'nothing to mend' 0 lint --fix mend.yaml
grep -q '# the database' mend.yaml && grep -q '# all of it' mend.yaml
result $? '  and comments are kept'
says 'check goes with --fix' 2 lint --check mend.yaml

# derived
a=$("$gavel" sdl hash mend.yaml)
"$gavel" sdl fmt --write mend.yaml
[ "$a" = "$("$gavel" sdl hash mend.yaml)" ] && [ -n "$a" ]
result $? 'formatting changes no hash'
says 'there is no placement mars' 7 groups web.yaml --placement mars
says 'findings?\)|1 finding' 2 manifest messy.yaml
says '^[0-9a-f]{64}$' 0 hash --akash mend.yaml
printf 'reclamation: {min_window: 2h}\n' | cat mend.yaml - >notice.yaml
says '"reclaim_s":7200' 0 groups notice.yaml
says '"name":"eu"' 0 groups --akash mend.yaml
says 'Akash takes it \(hash [0-9a-f]{64}\)$' 0 check --akash mend.yaml

cat >theirs.yaml <<'END'
version: "2.0"
services:
  web: {image: nginx, expose: [{port: 80, to: [{global: true}]}]}
profiles:
  compute:
    web: {resources: {cpu: {units: 1}, memory: {size: 64Mi}, storage: {size: 64Mi}}}
  placement:
    eu:
      signedBy: {anyOf: [akash1365yvmc4s7awdyj3n2sav7xfx76adc6dnmlx63]}
      pricing: {web: {denom: uakt, amount: 100}}
deployment: {web: {eu: {profile: web, count: 1}}}
END
says ': warning: the auditor akash1365' 0 check --akash theirs.yaml
says '"warning": *true' 0 check --akash theirs.yaml --json
says 'theirs.yaml: good' 0 check --akash theirs.yaml
sed 's/count: 1/count: 1000/' theirs.yaml >many.yaml
says 'it \(hash [0-9a-f]{64}\), but it cannot be leased here: 1 finding$' 2 check --akash many.yaml

# convert
"$gavel" sdl convert blog.yml -o blog.yaml
says 'blog.yaml: good' 0 check blog.yaml
printf 'services:\n  a:\n    image: a/b:1\n    volumes: [./x:/x]\n    env_file: y\n' >host.yml
says '2 things cannot be kept' 2 convert host.yml -o host.yaml
[ ! -e host.yaml ]
result $? '  and nothing is written'
says 'host.yml:4: error: ./x is a place' 0 convert --partial host.yml

# explain
says 'did you mean "expose"' 7 explain services.web.expos
"$gavel" sdl schema | cmp -s - "$OLDPWD/docs/sdl.schema.json"
result $? 'schema is docs/sdl.schema.json'
for command in check fmt explain schema convert lint manifest groups hash; do
	says "^usage: gavel sdl $command" 0 $command --help
done
echo "1..$n"
exit $bad
