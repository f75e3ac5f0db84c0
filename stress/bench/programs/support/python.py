"""The work of python.sh: python_work.py SIZE. Prints a digest of each part; SIZE is in thousands."""
import collections
import hashlib
import json
import random
import re
import sys

count = int(sys.argv[1]) * 1000
rng = random.Random(20240229)
syllables = [a + b for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "an", "er")]


def word():
    return "".join(rng.choices(syllables, k=rng.randint(1, 4)))


def show(part, *values):
    digest = hashlib.sha256(repr(values).encode()).hexdigest()
    print(part, digest)


class Account:
    def __init__(self, record):
        self.number = record["id"]
        self.owner = record["name"].title()
        self.balance = sum(record["amounts"])
        self.history = [(amount, tag) for amount, tag in zip(record["amounts"], record["tags"])]

    def key(self):
        return (-self.balance, self.owner, self.number)


words = [word() for _ in range(4000)]
records = [
    {
        "id": i,
        "name": rng.choice(words) + " " + rng.choice(words),
        "tags": rng.sample(words, rng.randint(0, 8)),
        "amounts": [rng.randint(-10**6, 10**6) for _ in range(rng.randint(1, 10))],
        "note": None if i % 3 else " ".join(rng.choices(words, k=rng.randint(1, 30))),
    }
    for i in range(count)
]
text = json.dumps(records)
show("json", hashlib.sha256(text.encode()).hexdigest(), len(text))
records = json.loads(text)

accounts = sorted((Account(record) for record in records), key=Account.key)
show("sorted", [account.number for account in accounts])

by_tag = collections.defaultdict(list)
for account in accounts:
    for _, tag in account.history:
        by_tag[tag].append(account)
show("groups", sorted((tag, len(group), group[0].number) for tag, group in by_tag.items()))

found = collections.Counter(match.group(1) for match in re.finditer(r'"(\w*er\w*a)[ "]', text))
show("regex", found.most_common(50), found.total())
replaced = re.sub(r"\b(\w+)an\b", lambda match: match.group(1).upper(), text)
show("sub", hashlib.sha256(replaced.encode()).hexdigest())
del replaced, text

# A cache whose oldest entries make way: blocks of all ages die.
cache = collections.OrderedDict()
hits = 0
for i in range(count * 8):
    key = "%s/%d" % (words[rng.randrange(len(words))], rng.randrange(12))
    if key in cache:
        hits += 1
        cache.move_to_end(key)
        cache[key].append(i)
    else:
        cache[key] = [i, key.encode(), {"made": i}]
        if len(cache) > 20000:
            cache.popitem(last=False)
show("cache", hits, list(cache)[:100])

big = 3 ** (count // 10)
show("big", big % 10**50, len(str(big % 10**4000)))
lines = [" ".join(rng.choices(words, k=8)) for _ in range(count * 2)]
lines.sort()
joined = "\n".join(lines)
show("lines", hashlib.sha256(joined.encode()).hexdigest())
show("sets", len(set(joined.split()) & {w + "a" for w in words}), len(frozenset(lines)))
