import json, hashlib
from harness import *
import features_test as f
import harness
harness._inside.clear()
@inside("x")
def x():
    import time
    for host in f.HOSTS:
        with f.Wire(host) as wire:
            t=time.time()
            wire.send(f"POST /echo HTTP/1.1\r\nHost: {host}\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n"
                      "4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\n\r\n")
            try: print("#",host, wire.answer().body)
            except Exception as e: print("#", host, repr(e), time.time()-t)
if __name__ == "__main__":
    main(f.POLICY)
