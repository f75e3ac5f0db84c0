#!/bin/sh
# beanstalkd with its log: 5,000 jobs of 0 to 65,535 bytes, killed without notice, started again on
# the same log: every job is there, with its body, state and priority. Killed again after all were
# deleted: none comes back.
. "$(dirname "$0")/common.sh"

need beanstalkd
check_bound beanstalkd beanstalkd -v

mkdir "$work/log"
beanstalkd() {
	serve beanstalkd -l 127.0.0.1 -p "$port" -b "$work/log" -z 10485760
}

# client STEP: run a step of the client; it prints "done" at its end.
client() {
	timeout "$limit_s" "$python" "$here/beanstalkd_client.py" "$port" "$1" "$work/ledger" \
		>"$work/out" || fail "step $1 of the client ended with $?"
	equal "step $1 of the client" "done" "$(cat "$work/out")"
}

start_server beanstalkd
client put
end_server KILL
logs=$(find "$work/log" -name 'binlog.*' -size +0 | wc -l)
[ "$logs" -gt 1 ] || fail "the jobs fill only $logs file(s) of the log"

start_server beanstalkd
client check
client consume
end_server KILL

start_server beanstalkd
client nothing
end_server TERM
# Whether or not it catches the signal, it dies of nothing else.
case $server_status in
0 | 143) ;;
*) fail "beanstalkd ended with $server_status" ;;
esac
finish
