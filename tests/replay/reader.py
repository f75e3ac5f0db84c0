"""reader.py TRACE: the binary form as text, by what stress/trace/FORM.md says and nothing else."""
import struct
import sys

OLD, ALIGN, COUNT, SIZE, RESULT, TOOK = "old", "align", "count", "size", "result", "took"
SHAPES = [
    ((SIZE, RESULT), {1: "malloc", 8: "valloc", 9: "pvalloc", 13: "new", 14: "new_array",
                      15: "new_nothrow", 16: "new_array_nothrow"}),
    ((COUNT, SIZE, RESULT), {2: "calloc"}),
    ((OLD, SIZE, RESULT, TOOK), {3: "realloc"}),
    ((OLD, COUNT, SIZE, RESULT, TOOK), {4: "reallocarray"}),
    ((ALIGN, SIZE, RESULT), {5: "aligned_alloc", 6: "posix_memalign", 7: "memalign",
                             17: "new_aligned", 18: "new_array_aligned",
                             19: "new_aligned_nothrow", 20: "new_array_aligned_nothrow"}),
    ((OLD,), {10: "free", 21: "delete", 22: "delete_array", 23: "delete_nothrow",
              24: "delete_array_nothrow"}),
    ((OLD, SIZE), {11: "free_sized", 25: "delete_sized", 26: "delete_array_sized"}),
    ((OLD, ALIGN), {27: "delete_aligned", 28: "delete_array_aligned",
                    31: "delete_aligned_nothrow", 32: "delete_array_aligned_nothrow"}),
    ((OLD, ALIGN, SIZE), {12: "free_aligned_sized", 29: "delete_sized_aligned",
                          30: "delete_array_sized_aligned"}),
    ((SIZE,), {33: "thread"}),
    ((), {34: "thread_end"}),
]
FUNCTION = {number: (name, parts) for parts, names in SHAPES for number, name in names.items()}
data = open(sys.argv[1], "rb").read()


def varint(at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def chunk_calls(offset, used, time, address):
    at, end, thread = offset + 32, offset + used, None
    while at < end:
        byte = data[at]
        name, parts = FUNCTION[byte & 0x7F]
        step, at = varint(at + 1)
        begin = time + step
        value = {}
        for part in parts:
            number, at = varint(at)
            if part in (OLD, RESULT) and number > 0:
                number -= 1
                distance = number // 2 if number % 2 == 0 else -(number + 1) // 2
                address = (address + distance * (1 if byte & 0x80 else 16)) % 2**64
                number = address
            value[part] = number
        time = begin + value.get(TOOK, 0)
        if name == "thread":
            thread = value[SIZE]
            continue
        words = [str(begin), str(thread), name]
        for part in parts:
            text = hex(value[part]) if part in (OLD, RESULT) and value[part] else str(value[part])
            words.append({RESULT: "= ", TOOK: "+"}.get(part, "") + text)
        yield (begin, thread, offset), " ".join(words)


head = struct.unpack("<8sII7Q64s", data[:136])
assert head[:3] == (b"tidetrac", 1, 4096)
print("tide-trace 1\nprogram %s\nprocess %d\nparent %d\nstarted %d %d\nforked %d\nended %d\nlost %d"
      % ((head[10].split(b"\0")[0].decode(),) + head[3:10]))
calls = []
offset = 4096
while offset < len(data):
    magic, length, used, _, time, address = struct.unpack("<4sIIIQQ", data[offset:offset + 32])
    if magic == b"TCHK":
        calls += chunk_calls(offset, used, time, address)
    offset += length if magic == b"TCHK" else 4096
calls.sort(key=lambda call: call[0])  # stable: within a chunk the order stays
for _, line in calls:
    print(line)
