#!/bin/sh
# The flame graph: well-formed, bars as wide as their bytes, on the bar of their caller; and as a
# browser has it after a click.
. "$(dirname "$0")/common.sh"

profiled "$work/work" >/dev/null
"$prof" flame --out "$work/flame.svg" "$work/heap" || fail "flame"
/usr/bin/python3 - "$work/flame.svg" >"$work/out" <<-'END'
import sys, xml.etree.ElementTree as tree
svg = '{http://www.w3.org/2000/svg}'
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == svg + 'svg'
bars = []
for g in root.iter(svg + 'g'):
    rect = g.find(svg + 'rect')
    bars.append({'name': g.find(svg + 'title').text.rsplit(':', 1)[0], 'bytes': int(g.get('data-bytes')),
                 **{k: float(rect.get(k)) for k in ('x', 'y', 'width')}})
all_ = bars[0]
assert all_['name'] == 'all'
for bar in bars:
    expected = all_['width'] * bar['bytes'] / all_['bytes']
    assert abs(bar['width'] - expected) < 0.02, bar
    assert bar['x'] >= 10 and bar['x'] + bar['width'] <= 1190.02, bar
    if bar is not all_:
        below = [b for b in bars if abs(b['y'] - bar['y'] - 18) < 0.1 and b['x'] <= bar['x'] + 0.02
                 and b['x'] + b['width'] >= bar['x'] + bar['width'] - 0.02]
        assert len(below) == 1, bar
        print(bar['name'], 'on', below[0]['name'], bar['bytes'])
for a in bars:
    for b in bars:
        if a is not b and a['y'] == b['y']:
            assert a['x'] + a['width'] <= b['x'] + 0.02 or b['x'] + b['width'] <= a['x'] + 0.02, (a, b)
END
shows "^leak_large on main $((3 * 4194304))\$" "^leak_small on main 64000\$"
! grep -Eq '(src|href)=|https?://[^w]' "$work/flame.svg" || fail "it needs something else"
! grep -q 'passing' "$work/flame.svg" || fail "what was freed is drawn"

browser=$(command -v chromium || true)
if [ -n "$browser" ]; then
	/usr/bin/python3 - "$work/flame.svg" >"$work/page.html" <<-'END'
	import json, sys
	text = json.dumps(open(sys.argv[1]).read()).replace('</', '<\\/')
	print('<!DOCTYPE html><body><script>const text = ' + text + """;
	const xml = new DOMParser().parseFromString(text, 'image/svg+xml');
	const script = xml.querySelector('script'), code = script.textContent;
	script.remove();
	document.body.append(document.importNode(xml.documentElement, true));
	(0, eval)(code);
	const named = name => g => g.querySelector('title').textContent.startsWith(name + ':');
	const bars = [...document.querySelectorAll('.bar')], bar = bars.find(named('leak_small'));
	const width = () => bar.querySelector('rect').getBoundingClientRect().width;
	const before = width();
	bar.dispatchEvent(new MouseEvent('click'));
	document.title = [before < 10, width() > 1179, bar.querySelector('text').textContent,
	    bars.find(named('leak_large')).style.display].join(' ');
	</script></body>""")
	END
	timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
		--virtual-time-budget=2000 --dump-dom "file://$work/page.html" >"$work/out" 2>/dev/null ||
		fail "the browser"
	shows '<title>true true leak_small none</title>'
fi
