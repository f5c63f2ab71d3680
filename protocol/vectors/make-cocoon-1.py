"""Makes cocoon-1.json without any code of this repository.

Needs Python 3.11 or later and the `cryptography` package. Run: python3 make-cocoon-1.py > cocoon-1.json
"""

import base64
import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def jcs(value):
    # Keys and values below are ASCII and integers, for which this is RFC 8785.
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def sha(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def seq(start, length):
    return bytes((start + i) % 256 for i in range(length))


def nonce_at(base, count):
    return base[:4] + bytes(a ^ b for a, b in zip(base[4:], struct.pack(">Q", count)))


def frame(key, base, count, aad, plaintext):
    sealed = AESGCM(key).encrypt(nonce_at(base, count), plaintext, aad)
    return struct.pack(">I", len(sealed)) + sealed


def body(key, base, plaintexts):
    frames = [frame(key, base, i, b"", part) for i, part in enumerate(plaintexts)]
    count = len(plaintexts)
    end = frame(key, base, count, b"cocoon end\0" + struct.pack(">Q", count), b"")
    return b"".join(frames) + end


head = {
    "encoding": "identity",
    "end": True,
    "maxCost": "123456789",
    "method": "POST",
    "model": "demo-1m",
    "notAfter": 1800000060,
    "pad": True,
    "path": "/v1/chat/completions",
    "session": seq(0xA0, 32).hex(),
    "suite": "ehbp-x25519",
}
head_hash = sha(jcs(head))

secret = seq(0, 32)
enc = seq(0x20, 32)
counter, attempt = 66051, 2
name = sha(enc)[:16] + struct.pack(">Q", counter) + struct.pack(">I", attempt) + head_hash
request_key = mac(secret, b"cocoon/1 session request key\0" + name + b"\1")
response_secret = mac(secret, b"cocoon/1 session response secret\0" + name + b"\1")
commitment_key = mac(secret, b"cocoon/1 session commitment\0" + name + b"\1")
request_body = b'{"model":"demo-1m"}'
padded_body = request_body.ljust(1024)
response_nonce = seq(0x40, 32)
prk = mac(name + response_nonce, response_secret)
response_key, response_base = mac(prk, b"key\1"), mac(prk, b"nonce\1")[:12]
response_parts = [b"data: one\n\n", b"data: [DONE]\n\n"]

allowance_key = seq(0x60, 32)
allowance = {
    "attempt": 2,
    "enc": seq(1, 32).hex(),
    "expires": 1800000060,
    "max_completion_tokens": 64,
    "max_cost": "9007199254740991",
    "max_prompt_tokens": 128,
    "price": {"cached": "1", "input": "2", "output": "3"},
    "purpose": "cocoon.allowance.v1",
    "ref": "b3BhcXVl",
    "request": "req_" + seq(0, 16).hex(),
    "session": seq(0xA0, 32).hex(),
}
allowance_header = b64u(jcs(allowance)) + "." + b64u(mac(allowance_key, jcs(allowance)))

seed = seq(0x80, 32)
signer = Ed25519PrivateKey.from_private_bytes(seed)
public = signer.public_key().public_bytes_raw().hex()
payee = "0:" + "11" * 32
subject = (
    "cocoon-runner://v1?gpu=none&model=org%2Fdemo-1&payee=0%3A" + "11" * 32 + "&weights=sha256%3A" + "ef" * 32
)
keyset = {
    "e2ee_public_keys": [
        {"algo": "ehbp-x25519", "key_id": "ehbp-x25519", "public_key": seq(2, 32).hex()},
    ],
    "not_after": 1800003600,
    "receipt_signing_keys": [{"algo": "ed25519", "key_id": "receipt-1", "public_key": public}],
    "subject": subject,
    "tls_public_keys": [],
}
keys_only = {k: keyset[k] for k in ("e2ee_public_keys", "receipt_signing_keys")}
keyset_digest = "sha256:" + sha(jcs(keyset)).hex()
gpu_nonce = sha(b"gpu-v1\0" + sha(jcs(keys_only))).hex()

heartbeat = {
    "at": 1800000000,
    "capacity": 4,
    "gateway": "https://gateway.example",
    "in_flight": 1,
    "purpose": "cocoon.heartbeat.v1",
    "runner_id": "run_1",
    "sequence": 7,
}
receipt = {
    "api_version": "aci/1",
    "chat_id": "chatcmpl-1",
    "endpoint": "/v1/chat/completions",
    "event_log": [
        {"body_hash": "sha256:" + "01" * 32, "type": "request.received"},
        {
            "attempt": 2,
            "cached_tokens": 5,
            "completion_tokens": 20,
            "cost": "8",
            "payee": payee,
            "price": {"cached": "10000", "input": "100000", "output": "300000"},
            "prompt_tokens": 15,
            "reasoning_tokens": 0,
            "request": "req_" + seq(0, 16).hex(),
            "stop_reason": "normal",
            "type": "usage.metered",
        },
        {"algo": "hmac-sha256", "request": "02" * 32, "response": "03" * 32, "type": "plaintext.committed"},
        {"body_hash": "sha256:" + "04" * 32, "type": "response.returned"},
    ],
    "key_id": "receipt-1",
    "method": "POST",
    "model": "demo-1m",
    "receipt_id": "req_" + seq(0, 16).hex() + ".2",
    "served_at": 1800000000,
    "workload_keyset_digest": keyset_digest,
}

print(
    json.dumps(
        {
            "head": {
                "canonical": jcs(head).decode(),
                "header": b64u(jcs(head)),
                "info": (b"cocoon/1 request\0" + head_hash).hex(),
            },
            "end_aad": {str(n): (b"cocoon end\0" + struct.pack(">Q", n)).hex() for n in (0, 1, 2**32 + 1)},
            "session": {
                "secret": secret.hex(),
                "enc": enc.hex(),
                "counter": counter,
                "attempt": attempt,
                "name": name.hex(),
                "binding": sha(sha(enc) + struct.pack(">Q", counter)).hex(),
                "request_key": request_key.hex(),
                "commitment_key": commitment_key.hex(),
                "response_secret": response_secret.hex(),
                "request_plaintext": request_body.decode(),
                "request_wire": body(request_key, bytes(12), [padded_body]).hex(),
                "request_commitment": mac(commitment_key, request_body).hex(),
                "response_nonce": response_nonce.hex(),
                "response_key": response_key.hex(),
                "response_base_nonce": response_base.hex(),
                "response_parts": [part.decode() for part in response_parts],
                "response_wire": body(response_key, response_base, response_parts).hex(),
            },
            "allowance": {"key": allowance_key.hex(), "body": allowance, "header": allowance_header},
            "signer_seed": seed.hex(),
            "subject": subject,
            "keyset": keyset,
            "keyset_digest": keyset_digest,
            "gpu_nonce": gpu_nonce,
            "heartbeat": {"body": heartbeat, "signature": signer.sign(jcs(heartbeat)).hex()},
            "receipt": {"body": receipt, "signature": signer.sign(jcs(receipt)).hex()},
        },
        indent=1,
    )
)
