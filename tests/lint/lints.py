#!/usr/bin/env python3
"""The lints, tested: each must see what it is there to see."""
import re
import sys

import ctext
import rooms
import words

DEEP = """
static int one(int a, char *b)
{
	struct point p = { .x = 1, .y = { 2 } };
	for (;;) {
		if (a) {
			while (b) {
				f((struct point){ 1 });
			}
		}
	}
	return "{" [0] + '}';
}
/* int two(void) { */
#define THREE(x) do { } while (0)
struct table { int a; } t[] = { { 1 }, { 2 } };
int four(int a, int (*f)(int, int), char b[2])
{
#if A
	if (a) {
#else
	if (b) {
#endif
	}
	return 0;
}
"""


def size():
    one, four = ctext.functions(DEEP)
    yield one.name == "one" and one.line == 2 and one.lines == 12
    yield one.nesting == 3 and one.nesting_line == 7
    yield one.parameters == 2 and four.parameters == 3
    yield four.name == "four" and four.nesting == 1


def walls():
    yield rooms.local_fault("http/h1.c", "http", "policy/policy.h")
    yield rooms.local_fault("http/h1.c", "http", "http.h")
    yield rooms.local_fault("gateway/resolve.c", "gateway", "gateway/hello.h")
    yield not rooms.local_fault("http/h1.c", "http", "base/buf.h")
    yield rooms.foreign_fault("http/http.c", "http", "llhttp.h")
    yield rooms.foreign_fault("http/h1.c", "http", "unistd.h")
    yield rooms.foreign_fault("capture/nft.c", "capture", "openssl/ssl.h")
    yield rooms.foreign_fault("gateway/hello.c", "gateway", "openssl/ssl.h")
    yield not rooms.foreign_fault("http/h1.c", "http", "llhttp.h")


def phrases():
    def hit(text):
        return any(re.search(p, text, re.M) for p, _, _ in words.WORDS)

    yield hit("int x; \n")
    yield hit("strcpy(a, b);")
    yield hit("/* TODO: later */")
    yield hit("llhttp_set_lenient_headers(p, 1);")
    yield hit("get https://index.crates." + "io/config.json")
    yield not hit("snprintf(a, n, \"x\");")


def main():
    bad = 0
    for group in (size, walls, phrases):
        for n, good in enumerate(group(), 1):
            if not good:
                print(f"{group.__name__} {n}: not seen")
                bad += 1
    print(f"lints: {bad} faults")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
