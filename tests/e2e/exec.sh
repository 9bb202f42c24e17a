#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# exec.sh - inside a running workload: terminals, files both ways, ports that are
# not open to the world, logs of several services, and nothing left behind. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_DEMO_LOG_KEEP=12 GAVEL_DEMO_SETTLE=500
. tests/e2e/lib.sh exec
up
t() { timeout 20 "$bin/gavel" -C "$dir/tenant.yaml" -q "$@"; }
on_tty() { tests/e2e/pty.py "$1" "$2" -- "$bin/gavel" -C "$dir/tenant.yaml" "${@:3}"; }
w=$dir/work
mkdir -p "$w"

cat >"$dir/shop.yaml" <<END
version: "2.0"
services:
  web:
    image: 127.0.0.1:$registry_port/gavel/web:1
    env: [GREETING=hello from gavel]
    expose:
      - {port: 80, as: 80, to: [{global: true}]}
  db:
    image: 127.0.0.1:$registry_port/gavel/web:1
    command: [/bin/sh, -c]
    args: ['echo to-stdout; echo to-stderr >&2; printf "bin\000ary\377\n"; echo inside >/tmp/index.html; trap "exit 5" TERM; httpd -f -p 8080 -h /tmp & wait']
    expose:
      - {port: 8080, to: [{service: web}]}
profiles:
  compute:
    small: {resources: {cpu: {units: 0.25}, memory: {size: 96Mi}, storage: {size: 96Mi}}}
  placement:
    europe: {pricing: {small: {per_hour: "0.05"}}}
deployment:
  web: {europe: {profile: small, count: 2}}
  db: {europe: {profile: small, count: 1}}
END
t deploy "$dir/shop.yaml" --deposit 5 --name shop >"$dir/shop.out" 2>&1
ok 'two services, three containers run' test $? = 0
[ $bad = 0 ] || { cat "$dir/shop.out"; exit 1; }

# Commands without a terminal.
out=$(t exec shop -- id </dev/null)
ok 'a command runs as the image says' test "${out%% *}" = 'uid=1000(web)'
t exec shop -- sh -c 'exit 7' </dev/null
ok 'its status is ours' test $? = 7
t exec shop -- nope </dev/null 2>/dev/null
ok 'no such program: 127' test $? = 127
t exec shop --service nope -- id </dev/null 2>/dev/null
ok 'no such service: 7' test $? = 7
t exec shop --service web --copy 2 -- id </dev/null 2>/dev/null
ok 'no such copy: 7' test $? = 7
out=$(t exec shop --service db -- hostname </dev/null)
ok 'the service that was named' test "$out" = db
err=$(t exec shop -- sh -c 'echo out; echo err >&2' </dev/null 2>&1 >/dev/null)
ok 'stderr is stderr' test "$err" = err
head -c 3000000 /dev/urandom >"$w/random"
t exec shop -- cat <"$w/random" >"$w/random.back"
ok 'three megabytes there and back' cmp -s "$w/random" "$w/random.back"
timeout 10 "$bin/gavel" -C "$dir/tenant.yaml" exec shop -- sh -c 'sleep 4000 & exit 3' </dev/null
ok 'a child in the background holds nobody up' test $? = 3
raw=$(t exec shop -- sh -c 'while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done' </dev/null | head -c 1000000 | wc -c)
ok 'a reader that leaves ends an endless writer' test "$raw" = 1000000

# With one.
out=$(on_tty 33x101 'expect $
send /bin/busybox stty size\r
expect 33 101
size 44x122
send sleep 1; /bin/busybox stty size\r
expect 44 122
send sleep 4001\r
expect sleep 4001
pause 1
send \x03
expect $
send exit 9\r' shell shop)
ok 'the terminal has our size, and follows it; Ctrl-C reaches the command' test "${out#*MISSING}" = "$out"
ok 'the shell'\''s status is ours' grep -q '^status 9' <<<"$out"
ok 'and our terminal is itself again' grep -q '^cooked yes' <<<"$out"
out=$(on_tty 24x80 'expect /dev/pts' exec shop -- sh -c 'ls -l /proc/self/fd/0; exit 4')
ok 'a terminal by itself, of the container' grep -q '/dev/pts/[0-9]' <<<"$out"
out=$(on_tty 24x80 'expect nope' exec shop -- nope)
ok 'no such program, on a terminal: 127' grep -q '^status 127' <<<"$out"
out=$(on_tty 24x80 'expect no' exec shop --no-tty -- sh -c '[ -t 0 ] || echo no terminal')
ok '--no-tty' grep -q 'no terminal' <<<"$out"
on_tty 24x80 'expect ready
hangup' exec shop -- sh -c 'echo ready; sleep 4002; echo never' >/dev/null
"$bin/gavel" -C "$dir/tenant.yaml" exec shop -- sh -c 'sleep 4003; true' </dev/null >/dev/null 2>&1 &
client=$!
for _ in $(seq 50); do [ "$(pgrep -fc 'sleep 4003')" -gt 1 ] && break; sleep 0.1; done
disown $client
kill -9 $client
gone() { for _ in $(seq 40); do pgrep -f 'sleep 400[123]' >/dev/null || return 0; sleep 0.1; done; return 1; }
ok 'killed clients leave no process behind' gone

# Files.
mkdir -p "$w/up/deep/er"
printf 'x' >"$w/up/a b"
printf 'y' >"$w/up/"$'new\nline'
printf 'z' >"$w/up/-rf"
printf 'u' >"$w/up/ünï*"
printf 'd' >"$w/up/deep/er/file"
chmod 750 "$w/up/deep"
ln -s /etc/shadow "$w/up/link"
ln -s nowhere "$w/up/dangling"
ok 'a directory goes in' t cp "$w/up" shop:/tmp/there
ok 'and comes out' t cp shop:/tmp/there "$w/back"
ok 'with all its names and links' diff -r --no-dereference "$w/up" "$w/back"
ok 'and its modes' test "$(stat -c %a "$w/back/deep")" = 750
out=$(t exec shop -- sh -c 'ls -ln /tmp/there/-rf' </dev/null)
ok 'what went in belongs to the workload'\''s user' grep -q ' 1000 ' <<<"$out"
printf 'the container'\''s own\n' >"$w/shadow"
ok 'into a place of root' t cp "$w/shadow" shop:/etc/shadow
t exec shop -- /bin/busybox ln -s /etc/shadow /tmp/way-out </dev/null
ok 'through a link' t cp shop:/tmp/way-out "$w/caught"
ok 'one gets the file of the container, never the host'\''s' cmp -s "$w/shadow" "$w/caught"
t cp shop:/proc/1/root/etc/hostname "$w/hostname"
ok 'nor by way of /proc' test "$(cat "$w/hostname")" = "$(t exec shop -- hostname </dev/null)"
head -c 50000000 /dev/urandom >"$w/50MB"
ok '50 MB in' t cp "$w/50MB" shop/db:/big
ok '50 MB out' t cp shop/db:/big "$w/50MB.back"
ok 'and the same' cmp -s "$w/50MB" "$w/50MB.back"
out=$(t cp "$w/50MB" shop/db:/big2 2>&1)
ok 'no space: 12' test $? = 12
ok 'and it says so' grep -q 'no_space' <<<"$out"
out=$(t cp shop:/nope "$w/nope" 2>&1)
ok 'no such file there: 7' test $? = 7
ok 'by its name' grep -q '/nope.*no_such_file' <<<"$out"
t cp "$w/absent" shop:/tmp/ 2>/dev/null
ok 'no such file here: 7' test $? = 7
t cp "$w/shadow" shop:/nowhere/at/all 2>/dev/null
ok 'no such directory there: 7' test $? = 7
t cp "$w/shadow" shop:/proc/sys/kernel/x 2>/dev/null
ok 'into /proc: refused' test $? != 0
t cp "$w/up" "$w/elsewhere" 2>/dev/null
ok 'neither side is a workload: 2' test $? = 2

# Ports.
"$bin/gavel" -C "$dir/tenant.yaml" port-forward shop 0:8080 --service db >"$w/forward" 2>&1 &
forward=$!
for _ in $(seq 50); do [ -s "$w/forward" ] && break; sleep 0.1; done
local=$(sed 's/ .*//' "$w/forward")
out=$(curl -s -m 5 "http://$local/index.html")
ok 'a port that is not open to the world' test "$out" = inside
curl -s -m 10 -o "$w/1" "http://$local/index.html" & one=$!
curl -s -m 10 -o "$w/2" "http://$local/index.html" & two=$!
wait $one $two
ok 'twice at once' test "$(cat "$w/1" "$w/2" | tr -d '\n')" = insideinside
half=$(printf 'GET /index.html HTTP/1.0\r\n\r\n' | timeout 5 python3 -c '
import socket, sys
s = socket.create_connection(sys.argv[1].split(":"))
s.sendall(sys.stdin.buffer.read()); s.shutdown(socket.SHUT_WR)
data = b""
while (part := s.recv(65536)): data += part
print(data.decode().split()[-1])' "$local")
ok 'half a close is half a close' test "$half" = inside
kill $forward
wait $forward
ok 'it ends when asked to' test $? = 0
"$bin/gavel" -C "$dir/tenant.yaml" port-forward shop 0:9 >"$w/forward2" 2>&1 &
forward=$!
for _ in $(seq 50); do [ -s "$w/forward2" ] && break; sleep 0.1; done
curl -s -m 5 "http://$(sed 's/ .*//;1q' "$w/forward2")/" >/dev/null
kill $forward
wait $forward
ok 'nothing on this port: said by its name' grep -q port_refused "$w/forward2"

# Logs.
t logs shop | tr -d '\000' >"$w/logs"
out=$(cat "$w/logs")
ok 'logs of all, with a prefix' test "$(grep -c 'serving on port 80' <<<"$out")" = 2
ok 'of the first copy' grep -q '^web\.0 | serving' <<<"$out"
ok 'and the second' grep -q '^web\.1 | serving' <<<"$out"
out=$(t logs shop --service db --stream stderr)
ok 'one service, one stream' test "$out" = to-stderr
t logs shop --service db --tail 1 --stream stdout >"$w/binary"
ok 'byte for byte' cmp -s "$w/binary" <(printf 'bin\0ary\377\n')
ok 'the last lines only' test "$(t logs shop --tail 2 | wc -l)" = 2
ok 'not older than' test -z "$(t logs shop --service db --since 2099-01-01T00:00:00Z)"
ok 'younger than' test -n "$(t logs shop --service db --since 1h --stream stderr)"
ok 'with times' grep -qE '^20[0-9-]+T[0-9:.]+Z to-stderr' <<<"$(t logs shop --service db --timestamps --stream stderr)"
t logs shop --since yesterday 2>/dev/null
ok 'no time: 2' test $? = 2
ok 'as JSON' grep -q '"stream":"stderr","text":"to-stderr"' <<<"$(t --json logs shop --service db)"
"$bin/gavel" -C "$dir/tenant.yaml" logs -f shop --service db >"$w/follow" 2>&1 &
follow=$!
t exec shop --service db -- kill 1 </dev/null
for _ in $(seq 60); do [ "$(grep -c to-stdout "$w/follow")" = 2 ] && break; sleep 0.25; done
ok 'following tells of the exit' grep -qE '^- exited 5$' "$w/follow"
ok 'and goes on with the next run' test "$(grep -c to-stdout "$w/follow")" = 2
t close shop >"$dir/close.out" 2>&1
ok 'it closes' test $? = 0
for _ in $(seq 60); do kill -0 $follow 2>/dev/null || break; sleep 0.25; done
wait $follow
ok 'following ends with the lease' test $? = 0
ok 'logs are there after the end' grep -q '^web\.1 | serving' <<<"$(t logs shop --service web)"
t exec shop -- id </dev/null 2>/dev/null
ok 'but nothing can be run: 11' test $? = 11
logs_gone() { for _ in $(seq 100); do t logs shop >/dev/null 2>"$w/gone" || return 0; sleep 0.3; done; return 1; }
ok 'until their time is over' logs_gone
ok 'and that is said' grep -q logs_gone "$w/gone"
sed 's/^/# /' "$w/gone"
left=$(find "$dir"/dc?/logs -name 'gv-*' 2>/dev/null)
ok 'nothing of them is left' test -z "$left"
left=$(pgrep -f "gavel-(exec|files)" || true)
ok 'no minder is left' test -z "$left"
finish
