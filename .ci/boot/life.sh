#!/bin/sh
# The life of the package in a booted Debian, told line by line; ends with another status than 0 at the first thing that is
# not as it should be. Run by .ci/boot.sh inside the machine, where /packages has two versions of the package.
set -eu
export SYSTEMD_PAGER='' SYSTEMD_COLORS=0
unit=pulld.service
events=/var/log/pulld/events.ndjson

ok() { echo "ok  $1"; }
fail() {
    echo "NOT $1" >&2
    journalctl -u "$unit" -o cat --no-pager -n 25 >&2
    exit 1
}
check() { # WHAT COMMAND…
    what=$1
    shift
    "$@" >/dev/null 2>&1 || fail "$what"
    ok "$what"
}
eventually() { # SECONDS WHAT COMMAND…
    tries=$(($1 * 5)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "$what"
        sleep 0.2
    done
    ok "$what"
}
not() { ! "$@"; }
shows() { [ "$(systemctl show "$unit" --property "$1" --value)" = "$2" ]; }
value() { systemctl show "$unit" --property "$1" --value; }
has_lines() { [ "$(wc -l <"${2-$events}")" -eq "$1" ]; }
publish() { curl -fsS -d "{\"count\":$1,\"rate\":200}" http://127.0.0.1:8800/sandbox/load >/dev/null; }
portal_up() { systemd-run --quiet --unit portal pulld sandbox --port 8800 --store /var/tmp/portal; }
drop_in() {
    mkdir -p /run/systemd/system/$unit.d
    printf '[Service]\n%s\n' "$1" >/run/systemd/system/$unit.d/test.conf
    systemctl daemon-reload
}

echo "== install"
dpkg -i /packages/first.deb | grep -A1 'does not run yet'
check "the unit is not enabled" not systemctl is-enabled $unit
check "the unit does not run" not systemctl is-active $unit
check "the directory of secrets is root's alone" test "$(stat -c '%a %U' /etc/pulld/credentials)" = "700 root"
for name in pulld.service pulld@.service; do
    said=$(systemd-analyze verify /lib/systemd/system/$name 2>&1 || true)
    check "systemd-analyze verify says nothing of $name: $said" test -z "$said"
    systemd-analyze security --offline=true --threshold=13 "/lib/systemd/system/$name" | tail -1
done
check "the manual has pulld(8)" man -w 8 pulld
check "the manual has pulld.yaml(5)" man -w 5 pulld.yaml
check "bash takes the completions" bash -c '. /usr/share/bash-completion/completions/pulld && complete -p pulld'

echo "== start"
portal_up
eventually 20 "the portal is up" curl -fsS http://127.0.0.1:8800/sandbox/credentials
token=$(curl -fsS http://127.0.0.1:8800/sandbox/credentials | sed 's/.*"access_token" *: *"\([^"]*\)".*/\1/')
(umask 077 && printf '%s\n' "$token" >/etc/pulld/credentials/acme-access-token)
cat >/etc/pulld/pulld.yaml <<EOF
portals:
  acme: { url: http://127.0.0.1:8800, oauth: { access_token: { credential: acme-access-token } } }
sinks:
  log: { file: { path: $events } }
EOF
check "systemctl enable --now waits for the proof" systemctl enable --now $unit
check "it is active" systemctl is-active $unit
ok "its status: $(value StatusText)"
ok "its user: $(ps -o user= -p "$(value MainPID)"), its state: $(stat -c '%a' /var/lib/private/pulld)"
publish 100
eventually 20 "100 events are in the file" has_lines 100
check "no other directory is written to" test "$(find /var/lib/pulld/ -newer /life.sh -type f | wc -l)" -gt 0
check "the journal of the machine has no token" not sh -c "journalctl --no-pager | grep -q '$token'"

echo "== reload"
pid=$(value MainPID)
sed -i 's|^  log: .*|&\n  copy: { file: { path: /var/log/pulld/copy.ndjson } }|' /etc/pulld/pulld.yaml
check "systemctl reload" systemctl reload $unit
eventually 20 "it is active again" shows ActiveState active
publish 10
eventually 20 "the new sink has 10 events" has_lines 10 /var/log/pulld/copy.ndjson
cp /etc/pulld/pulld.yaml /root/right.yaml
echo 'sink: {}' >>/etc/pulld/pulld.yaml
check "systemctl reload with a mistake in the file fails" not systemctl reload $unit
eventually 5 "the log says where it is" sh -c "journalctl -u $unit -o cat --no-pager | grep 'pulld.yaml:6:1'"
check "the daemon runs on, the same process" test "$pid" = "$(value MainPID)" -a "$(value ActiveState)" = active
cp /root/right.yaml /etc/pulld/pulld.yaml
publish 10
eventually 20 "its events arrive" has_lines 120

echo "== kill -9"
kill -9 "$pid"
publish 30
eventually 40 "systemd starts it again" shows NRestarts 1
eventually 20 "it is active" shows ActiveState active
eventually 30 "nothing of meanwhile is missing or doubled" has_lines 150

echo "== watchdog"
drop_in 'WatchdogSec=6
TimeoutAbortSec=2
RestartSec=1'
systemctl restart $unit
pid=$(value MainPID)
sleep 15
check "no false alarm in two and a half limits" test "$pid" = "$(value MainPID)" -a "$(value NRestarts)" = 0
kill -STOP "$pid"
eventually 30 "a stopped process is replaced" shows NRestarts 1
eventually 5 "because of the watchdog" sh -c "journalctl -u $unit -o cat --no-pager | grep -i 'watchdog timeout'"
eventually 20 "it is active" shows ActiveState active

echo "== a portal that stays away"
systemctl stop portal
drop_in 'TimeoutStartSec=5
WatchdogSec=6'
systemctl --no-block restart $unit
sleep 20
check "after four time limits it is still starting: $(value StatusText)" shows ActiveState activating
check "and was not started again" shows NRestarts 0
portal_up
eventually 60 "it is active when the portal is back" shows ActiveState active
rm -r /run/systemd/system/$unit.d
systemctl daemon-reload

echo "== settings that cannot be mended by starting again"
echo 'sink: {}' >>/etc/pulld/pulld.yaml
check "the start fails" not systemctl restart $unit
check "with 78" shows ExecMainStatus 78
sleep 17
check "and is not repeated" shows NRestarts 0
cp /root/right.yaml /etc/pulld/pulld.yaml
systemctl restart $unit

echo "== two more by the template"
install -d -m 700 /etc/pulld/shop.credentials
cp /etc/pulld/credentials/acme-access-token /etc/pulld/shop.credentials/
cat >/etc/pulld/shop.yaml <<EOF
portals:
  acme: { url: http://127.0.0.1:8800, oauth: { access_token: { credential: acme-access-token } } }
sinks:
  log: { file: { path: /var/log/pulld@shop/events.ndjson } }
EOF
check "pulld@shop starts, and is enabled" systemctl enable --now pulld@shop
systemctl restart $unit
check "and is not touched when pulld.service comes and goes" systemctl is-active pulld@shop
check "its directories are its own" test -e /var/lib/private/pulld@shop/journal.sqlite -a -e /run/pulld@shop

echo "== idle"
sleep 60
pid=$(value MainPID)
ok "resident after a minute, kB: $(awk '/^(VmRSS|RssAnon|RssFile)/ { printf "%s %s ", $1, $2 }' "/proc/$pid/status")"
check "at most 20 MB" test "$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")" -le 20480

echo "== upgrade"
lines=$(wc -l <$events)
DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i /packages/next.deb >/dev/null
check "a changed configuration stays" cmp /root/right.yaml /etc/pulld/pulld.yaml
eventually 20 "a service that runs is started anew" test "$pid" != "$(value MainPID)"
eventually 20 "it is active" shows ActiveState active
eventually 20 "so is its instance" systemctl is-active pulld@shop
publish 10
eventually 20 "events go on where they were" has_lines $((lines + 10))
systemctl stop $unit
check "the stop was in order" shows Result success
DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i /packages/first.deb >/dev/null 2>&1
check "one that does not run is not started" not systemctl is-active $unit

echo "== by hand, as root"
printf 'state: /root/state\nportals:\n  acme: { url: "http://127.0.0.1:8800", oauth: { access_token: { env: TOKEN } } }\nsinks: { terminal: { stdout: {} } }\n' >/root/hand.yaml
TOKEN=$token pulld run --config /root/hand.yaml >/root/hand.out 2>/root/hand.log &
hand=$!
eventually 20 "pulld run is connected" grep -q subscribed /root/hand.log
publish 5
eventually 20 "and prints events" has_lines 5 /root/hand.out
kill "$hand"
check "SIGTERM ends it with 0" wait "$hand"
rm -r /root/state /root/hand.*

echo "== remove, purge"
systemctl start $unit
dpkg -r pulld >/dev/null
check "removing stops the services" not systemctl is-active $unit pulld@shop
check "and keeps state, settings and logs" test -e /var/lib/private/pulld/journal.sqlite -a -e /etc/pulld/pulld.yaml -a -e $events
dpkg -P pulld >/dev/null
left=$(find / -xdev -name '*pulld*' -not -path '/proc/*' -not -path '/packages/*' -not -path '/var/log/journal/*' -not -path '/tmp/*' -not -path '/var/cache/man/*' || true)
check "purging leaves nothing: $left" test -z "$left"
echo "all of it is as it should be"
