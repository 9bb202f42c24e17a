#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2086,SC2046  # flags and lists of objects are words
#
# Each line below makes one rule wrong, in a copy of its file or by a switch of
# the simulator's own model. The simulator must notice every one: a check that
# cannot fail checks nothing. TAP on stdout. Run from the root.
#
#	SEEDS=100 tests/sim/mutants.sh [name...]

set -u
CC=${CC:-gcc}
SEEDS=${SEEDS:-100}
FLAGS="-std=gnu11 -D_GNU_SOURCE -O1 -w"
LIBS="-lyajl -lcrypto -lsecp256k1"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# name | file to spoil | sed script, which must change it
file_mutants() {
	cat <<'TABLE'
cancel_while_opening|lease/life.c|/if (f->open_pending)/,+1d
opened_unseen|lease/life.c|s/if (f->opened)/if (0)/
void_what_runs|lease/life.c|/if (f->launched)/,+1d
void_never|lease/life.c|s/return act(LIFE_SEND_VOID)/return wait_until(0)/
winners_for_ever|lease/life.c|s/f->failures >= LIFE_FAILURES_MAX/f->failures > 4/
orders_for_ever|lease/life.c|s/if (now >= f->order_ends)/if (0)/
round_cut_short|lease/life.c|s/f->answered >= f->invited/f->answered + 1 >= f->invited/
cancel_unheard|lease/life.c|s/if (f->cancel_asked)/if (0)/
accept_for_ever|lease/life.c|s/if (now >= f->accept_by)/if (0)/
open_failed_unheard|lease/life.c|s/f->refused || f->open_failed/f->refused/
close_never|lease/life.c|/if (f->released)/,+1d
close_unmarked|lease/life.c|s/if (f->closed)/if (0)/
dearest_wins|lease/entry.c|s/(struct place){ entries\[i\].key,/(struct place){ ~entries[i].key,/
maximum_ignored|lease/tick.c|s/rate_cmp(out->price, a->o->max\[0\]) > 0/0/
list_ignored|lease/tick.c|s/if (bound < p.nano)/if (1)/
pay_as_bid|lease/tick.c|s/u128 bound = r->peff \* UNIT \/ a->w->weight;/u128 bound = a->w->floor.nano;/
newcomer_by_floor|lease/entry.c|s/out->sets_prices ? b->floor : b->list/b->floor/
own_order_bid|lease/entry.c|s/else if (address_equal(&b->owner, &o->owner))/else if (0)/
own_key_prices|lease/tick.c|s/e->sets_prices \&\& !address_equal(e->owner, a->w->owner)/e->sets_prices/
weight_rounds_down|lease/entry.c|s/\* weight + UNIT - 1;/* weight;/
deposit_exceeded|lease/price.c|s/most = MIN(rate_due(l->rate, elapsed).units, l->deposit.units)/most = rate_due(l->rate, elapsed).units/
rate_exceeded|lease/price.c|s/most = MIN(rate_due(l->rate, elapsed).units, l->deposit.units)/most = l->deposit.units/;s/MIN(m->seconds, elapsed)/m->seconds + 9/;s/: elapsed, parts/: elapsed + 9, parts/
base_forgotten|lease/price.c|s/rate_due(l->base, elapsed).units/(u128)0/
receipt_short|lease/price.c|s/parts\[PART_BASE\].amount.units = due - given/parts[PART_BASE].amount.units = 0/
TABLE
}

# Wrong in the simulator's own model: see enum wrong in sim.h.
model_mutants="REFUND_OFF_BY_ONE PAY_CUMULATIVE_AGAIN REFUND_TWICE NO_SIGNATURES NO_CONFIRMATIONS
	ACK_BEFORE_COMMIT LATE_BID FORGET_LEASES KEEP_CAPACITY VOUCHER_FALLS KEEP_CONTAINER"

rules="life auction tick entry spread offer attest demand price terms documents tagged typed key"
world="sim chain market parties check"

compile() { # source object [flags]
	src=$1 obj=$2
	shift 2
	$CC $FLAGS -I. "$@" -c "$src" -o "$obj" || { echo "Bail out! $src does not compile"; exit 1; }
}

for f in $rules; do compile "lease/$f.c" "$tmp/$f.o"; done
for f in $world; do compile "tests/sim/$f.c" "$tmp/$f.o"; done
for f in deploy/group deploy/resource deploy/rules lib/err lib/arena lib/bytes lib/keccak lib/amount \
	lib/id lib/json lib/clock; do
	compile "$f.c" "$tmp/below_$(basename $f).o"
done

count=0 failed=0
result() { # passed name detail
	count=$((count + 1))
	[ "$1" = 0 ] || failed=$((failed + 1))
	[ "$1" = 0 ] && echo "ok $count - $2: $3" || echo "not ok $count - $2: $3"
}

# The unspoilt build must pass, or the kills below mean nothing.
link() { # program objects...
	out=$1
	shift
	$CC "$@" "$tmp"/below_*.o $LIBS -o "$out" || { echo "Bail out! link"; exit 1; }
}

objects() { # directory of the spoilt objects
	for f in $rules $world; do
		if [ -e "$1/$f.o" ]; then echo "$1/$f.o"; else echo "$tmp/$f.o"; fi
	done
}

hunt() { # name directory
	link "$2/sim" $(objects "$2")
	if timeout 60 "$2/sim" "$SEEDS" >"$2/out" 2>&1; then
		result 1 "$1" "survived $SEEDS seeds"
	else
		why=$(grep -m1 '^not ok' "$2/out" | sed 's/^not ok [0-9]* - //')
		# A violation, or a path that was never walked; not a crash.
		case $why in
		'') result 1 "$1" "no verdict: $(tail -1 "$2/out")" ;;
		*) result 0 "$1" "killed by $why" ;;
		esac
	fi
}

wanted() {
	[ $# = 1 ] && return 0
	name=$1
	shift
	for w in "$@"; do [ "$w" = "$name" ] && return 0; done
	return 1
}

mkdir "$tmp/none"
link "$tmp/none/sim" $(objects "$tmp/none")
if "$tmp/none/sim" "$SEEDS" >"$tmp/none/out" 2>&1; then
	result 0 unspoilt "passes"
else
	result 1 unspoilt "$(grep -m1 '^not ok' "$tmp/none/out")"
fi

file_mutants >"$tmp/table"
while IFS='|' read -r name file script; do
	[ $# = 0 ] || wanted "$name" "$@" || continue
	dir=$tmp/$name
	mkdir "$dir"
	sed -e "$script" "$file" >"$dir/$(basename "$file")"
	if cmp -s "$file" "$dir/$(basename "$file")"; then
		result 1 "$name" "the script changes nothing: the table is out of date"
		continue
	fi
	compile "$dir/$(basename "$file")" "$dir/$(basename "$file" .c).o"
	hunt "$name" "$dir"
done <"$tmp/table"

for name in $model_mutants; do
	[ $# = 0 ] || wanted "$name" "$@" || continue
	dir=$tmp/$name
	mkdir "$dir"
	for f in $world; do compile "tests/sim/$f.c" "$dir/$f.o" "-DSIM_WRONG=$name"; done
	hunt "$name" "$dir"
done

echo "1..$count"
[ "$failed" = 0 ]
