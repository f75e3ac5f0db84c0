#!/bin/sh
# tide-tune on real programs, with few runs: what is measured, not how much.
. "$(dirname "$0")/../bench/common.sh"

# tuned COMMAND...: an honest verdict, and a state that has what was measured.
tuned() {
	rm -rf "$work/report"
	expect 0 tide-tune --objective wall,peak --runs 40 --out "$work/report" -- "$@"
	grep -Eqx 'Nothing beats the default|A setting beats the default: [0-9.]+ % less of the geometric mean of wall-clock time and peak memory' \
		"$work/out" || fail "no verdict"
	check "$work/report/tide-tune.json" <<'PYTHON'
assert d["objectives"] == ["wall", "peak"]
assert d["failed_runs"] == 0 and 30 <= d["runs"] <= 40
for c in d["compared"]:
    for o in ("wall", "cpu", "peak"):
        assert c[o]["ratio"] > 0 and c[o]["low"] <= c[o]["ratio"] <= c[o]["high"], c
    assert c["p99"]["ratio"] is None
    assert 0 < c["p"] <= 1 and (not c["beats"] or d["summary"]["beats"])
PYTHON
	"$python" - "$work/report/tide-tune.state" <<'PYTHON' || fail "the state"
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
assert lines[0]["objectives"] == "wall,peak" and lines[1]["phase"] == "warm-up"
for l in lines[1:]:
    assert l["fault"] is None and l["wall_s"] > 0 and l["cpu_s"] > 0
    # A program, and no more than a small one.
    assert 2 << 20 < l["peak_bytes"] < 200 << 20, l
    assert l["p99"] is None
rounds = {}
for l in lines[1:]:
    rounds.setdefault(l["round"], []).append(json.dumps(l["setting"], sort_keys=True))
default = rounds[0][0]
for r in rounds.values():
    assert r.count(default) == 1 and len(r) == len(set(r))
assert len({r.index(default) for r in rounds.values()}) > 2, "the order of a round is not random"
PYTHON
	check_page "$work/report/tide-tune.html"
}

tuned "$python" -c 'import json; [json.dumps({str(i): [i] * 20 for i in range(100)}) for _ in range(20)]'
tuned sqlite3 :memory: 'create table t (n integer primary key, s text); create index i on t (s);
	with recursive c(x) as (select 1 union all select x + 1 from c where x < 2000)
	insert into t select x, hex(x * x) from c; select count(distinct substr(s, 1, 3)) from t;'
