"""What python does while the system refuses calls: objects of many sizes, growing and going."""
import threading

total = [0] * 3


def work(own):
    table = {i: str(i) * (i % 50) for i in range(4000)}
    text = b"".join(bytes([i % 256]) * (i * 37 % 3000) for i in range(400))
    grown = bytearray()
    for i in range(60):
        grown += text[: i * 999]
    table = {i: s for i, s in table.items() if i % 3}
    total[own] = len(table) + len(text) + len(grown)


threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
work(2)
print(total)
