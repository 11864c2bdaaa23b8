"""Other programs verify the module files that ours make, and ours verify the files that others make.

`interop.py BINARIES WASMSIGN2` trains a small model, seals and approves it with our binaries, and holds the files against two
programs that share no code with ours: `wasmsign2`, whose signature format a module has, and OpenSSF's `model_signing`. Whatever
is accepted is refused again after one byte was changed. Needs interop-requirements.txt; interop.sh installs all of it.

wasmsign2 signs both roles of a module by its own commands: `split` makes the delimiters, `sign` the signatures. Only the sections
that hold the card and the approval are framed here, since it has no command that adds a section.
"""

import hashlib
import hmac
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MODEL_SIGNING = pathlib.Path(sys.executable).with_name("model_signing")
PREAMBLE = b"\0asm\x0d\0\x01\0"
RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
# Part 1's sections by name: what the job signs.
PART_1 = "^(model-card|producers|component-name|component-type.*)$"
GATES_FAILED = 4


class Tool:
    """A program whose every outcome is expected."""

    def __init__(self, path):
        self.path, self.ran = path, 0

    def does(self, *args, codes=(0,)):
        """Runs it, demands one of these exit codes, and gives what it said."""
        done = subprocess.run([self.path, *args], capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert done.returncode in codes, f"{self.path} {args} ended with {done.returncode}:\n{said}"
        self.ran += 1
        return said

    def refuses(self, *args, saying=""):
        """Runs it, and demands that it fails and says why."""
        said = self.does(*args, codes=(1,))
        assert saying in said, f"{self.path} {args} does not say {saying!r}:\n{said}"


def leb(number):
    """The shortest LEB128 of a number."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low]) if rest == 0 else bytes([low | 0x80]) + leb(rest)


def custom_section(name, payload):
    content = leb(len(name)) + name.encode() + payload
    return b"\0" + leb(len(content)) + content


def sections(file):
    """The raw sections of a component, each with its custom name or none."""
    assert file[:8] == PREAMBLE
    at, found = 8, []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = file[at]
            at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value

    while at < len(file):
        start, kind = at, file[at]
        at += 1
        size = number()
        end, name = at + size, None
        if kind == 0:
            length = number()
            name = file[at : at + length].decode()
        found.append((name, file[start:end]))
        at = end
    return found


def key_id(public):
    return hmac.digest(public, b"key_id", "sha256")[:12].hex()


def flipped(path, needle):
    """A copy of a file with one bit changed in the middle of some bytes of it."""
    content = bytearray(path.read_bytes())
    content[content.index(needle) + len(needle) // 2] ^= 1
    changed = path.with_suffix(".changed")
    changed.write_bytes(content)
    return changed


def keys_for_wasmsign2(pem):
    """Our key file as wasmsign2's two: a byte that says the kind, then the seed and the public key, or the public key."""
    key = serialization.load_pem_private_key(pem.read_bytes(), None)
    seed, public = key.private_bytes_raw(), key.public_key().public_bytes(*RAW)
    pem.with_suffix(".key").write_bytes(b"\x81" + seed + public)
    pem.with_suffix(".pub").write_bytes(b"\x01" + public)
    return pem.with_suffix(".pub")


def key_from_wasmsign2(secret, pem):
    """wasmsign2's key file as ours; gives the public key."""
    content = secret.read_bytes()
    key = Ed25519PrivateKey.from_private_bytes(content[1:33])
    assert content[0] == 0x81 and content[33:] == key.public_key().public_bytes(*RAW)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return content[33:]


def wasmsign2_reads_ours(work, countersign, wasmsign2, candidate):
    """wasmsign2's command verifies the job's, the first and the second approver's signature, and no changed file."""
    job, ada, ben = (keys_for_wasmsign2(work / f"{name}.pem") for name in ("job", "ada", "ben"))
    wasmsign2.does("verify", "-i", candidate, "-K", job)
    wasmsign2.refuses("verify", "-i", candidate, "-K", ada)
    approved = work / "modules/approved" / candidate.name
    card = dict(sections(candidate.read_bytes()))["model-card"]
    for name, public in (("ada", ada), ("ben", ben)):
        approve(countersign, work / "modules", candidate, work / f"{name}.pem", name)
        wasmsign2.does("verify", "-i", approved, "-K", public)
        wasmsign2.does("verify", "-i", approved, "-K", job, "--split", PART_1)
        wasmsign2.refuses("verify", "-i", approved, "-K", job)
        wasmsign2.refuses("verify", "-i", flipped(approved, card), "-K", public)
        wasmsign2.refuses("verify", "-i", flipped(approved, card), "-K", job, "--split", PART_1)
        wasmsign2.refuses("verify", "-i", flipped(approved, name.encode()), "-K", public)
    found = wasmsign2.does("verify_matrix", "-i", approved, "-K", job, ada, ben, "--split", PART_1)
    assert found.count("  - ") == 3, found
    return approved


def approve(countersign, modules, candidate, key, name):
    args = ["approve", candidate, "--yes", "--key", key, "--by", name, "--reason", "it is a test", "--modules", modules]
    said = countersign.does(*args, codes=(0, 1))
    if "approved:" not in said:
        countersign.does(*args, "--override", "it is a test")


def ours_read_wasmsign2s(work, countersign, wasmsign2, candidate):
    """`countersign` admits a module whose parts and signatures were all made by wasmsign2's command."""
    theirs = work / "theirs"
    theirs.mkdir()
    public = {}
    for name in ("job", "cleo"):
        wasmsign2.does("keygen", "-k", theirs / f"{name}.key", "-K", theirs / f"{name}.pub")
        public[name] = key_from_wasmsign2(theirs / f"{name}.key", theirs / f"{name}.pem")
    entry = '[[keys]]\nname = "{0}"\nrole = "{1}"\npublic_key = "{2}"\n'
    roles = {"job": "job", "cleo": "approver"}
    policy = [entry.format(name, roles[name], public[name].hex()) for name in public]
    (theirs / "trust.toml").write_text("\n".join(policy))

    def split_and_sign(module, signer):
        wasmsign2.does("split", "-i", module, "-o", module)
        wasmsign2.does("sign", "-i", module, "-o", module, "-k", theirs / f"{signer}.key", "-K", theirs / f"{signer}.pub")

    def verify(module, code=None):
        args = ["verify", module, "--modules", theirs]
        return countersign.does(*args) if code is None else countersign.refuses(*args, saying=f"refused ({code})")

    unsealed = [raw for name, raw in sections(candidate.read_bytes()) if name not in ("signature", "signature_delimiter")]
    module = theirs / candidate.name
    shutil.copy(candidate.with_suffix(".report.html"), theirs)
    module.write_bytes(PREAMBLE + b"".join(unsealed))
    verify(module, "unsigned")
    split_and_sign(module, "job")
    verify(module, "not_approved")
    sealed = module.read_bytes()
    # Their candidate with our approval, by a key of theirs.
    approve(countersign, theirs, module, theirs / "cleo.pem", "cleo")
    verify(theirs / "approved" / module.name)

    part_1 = b"".join(raw for _, raw in sections(sealed)[1:])
    approval = {
        "by": "cleo",
        "decision": "approve",
        "digest": "sha256:" + hashlib.sha256(part_1).hexdigest(),
        "expires": None,
        "key": key_id(public["cleo"]),
        "override": "it is a test",
        "reason": "it is a test",
        "time": "2026-06-15T08:00:00Z",
    }
    payload = json.dumps(approval, sort_keys=True, separators=(",", ":")).encode()
    with_approval = sealed + custom_section("model-approval", payload)
    module.write_bytes(with_approval)
    split_and_sign(module, "cleo")
    assert "verified" in verify(module)
    verify(flipped(module, payload), "tampered")
    verify(flipped(module, dict(sections(sealed))["model-card"]), "tampered")

    bare, signature = theirs / "bare", theirs / "signature"
    wasmsign2.does("detach", "-i", module, "-o", bare, "-S", signature)
    verify(bare, "unsigned")
    attached = theirs / "attached"
    wasmsign2.does("attach", "-i", bare, "-o", attached, "-S", signature)
    assert attached.read_bytes() == module.read_bytes()

    module.write_bytes(with_approval)
    split_and_sign(module, "job")
    verify(module, "wrong_role")


def model_signing_reads_ours(work, countersign, candidate, approved):
    """model_signing verifies what `export-oms` writes, with a key of ours and one of openssl's, and no changed file."""
    modules = work / "modules"
    trusting = Tool(MODEL_SIGNING)
    ours, theirs = work / "oms.pem", work / "openssl.pem"
    countersign.refuses("export-oms", candidate, "--key", ours, "--make-key", "--modules", modules, saying="not_approved")
    assert not ours.exists()
    countersign.does("export-oms", approved, "--key", ours, "--make-key", "--modules", modules)
    signature = approved.with_name(approved.name + ".sig")
    openssl = Tool(shutil.which("openssl"))
    openssl.does("ecparam", "-name", "prime256v1", "-genkey", "-out", theirs)
    for private in (ours, theirs):
        public = private.with_suffix(".openssl-pub")
        openssl.does("ec", "-in", private, "-pubout", "-out", public)
        countersign.does("export-oms", approved, "--key", private, "--modules", modules)
        first = signature.read_bytes()
        countersign.does("export-oms", approved, "--key", private, "--modules", modules)
        assert signature.read_bytes() == first, "the same inputs give the same bytes"

        def verify(module=approved, signature=signature, public=public):
            return ["verify", "key", module, "--signature", signature, "--public_key", public]

        trusting.does(*verify())
        card = dict(sections(approved.read_bytes()))["model-card"]
        trusting.refuses(*verify(module=flipped(approved, card)), saying="Hash mismatch")
        payload = json.loads(first)["dsseEnvelope"]["payload"].encode()
        trusting.refuses(*verify(signature=flipped(signature, payload)))
    assert ours.with_suffix(".pub").read_bytes() == ours.with_suffix(".openssl-pub").read_bytes()
    trusting.refuses(*verify(public=ours.with_suffix(".pub")), saying="Key mismatch")
    return trusting


def main():
    binaries, wasmsign2 = pathlib.Path(sys.argv[1]).resolve(), Tool(sys.argv[2])
    feature_job, countersign = Tool(binaries / "feature-job"), Tool(binaries / "countersign")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        modules = work / "modules"
        for name, role in (("job", "job"), ("ada", "approver"), ("ben", "approver")):
            countersign.does("keygen", "--role", role, "--out", work / f"{name}.pem", "--modules", modules)
        loans, features = work / "loans.csv", work / "features.parquet"
        feature_job.does("sample", "--users", "300", "--seed", "7", "--out", loans)
        feature_job.does("features", "--input", loans, "--as-of", "2021-12-27", "--out", features)
        train = ["train", "--features", features, "--recipe", "baseline", "--model", "credit-risk", "--key", work / "job.pem"]
        (modules / "candidates").mkdir()
        feature_job.does(*train, "--out", modules / "candidates", codes=(0, GATES_FAILED))
        candidate = modules / "candidates/credit-risk-1.wasm"
        approved = wasmsign2_reads_ours(work, countersign, wasmsign2, candidate)
        ours_read_wasmsign2s(work, countersign, wasmsign2, candidate)
        model_signing = model_signing_reads_ours(work, countersign, candidate, approved)
    print(f"wasmsign2 ran {wasmsign2.ran} times, model_signing {model_signing.ran}, countersign {countersign.ran}: all as it must be")


main()
