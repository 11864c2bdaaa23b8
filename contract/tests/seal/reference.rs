//! The format against `wasmsign2`, the implementation it is taken from: it verifies what we seal, and writes the same bytes.

use contract::digest::Digest;
use contract::key::PrivateKey;
use contract::seal::{APPROVAL_SECTION, DELIMITER_SECTION};
use wasmsign2::{CustomSection, Module, PublicKey, SecretKey, Section};

use crate::bench::{ADA, BEN, JOB, approval, approved, candidate, key};

fn public(seed: u8) -> PublicKey {
    let bytes = hex::decode(String::from(key(seed).public())).expect("a public key is hexadecimal");
    PublicKey::from_bytes(&[&[1], &bytes[..]].concat()).expect("a key of theirs").attach_default_key_id()
}

fn secret(seed: u8) -> SecretKey {
    let bytes = [&[0x81], &[seed; 32][..], &public(seed).to_bytes()[1..]].concat();
    SecretKey::from_bytes(&bytes).expect("a key of theirs")
}

fn read(file: &[u8]) -> Module {
    Module::deserialize(&mut &file[..]).expect("a component")
}

fn written(module: &Module) -> Vec<u8> {
    let mut bytes = Vec::new();
    module.serialize(&mut bytes).expect("a buffer takes all");
    bytes
}

fn is_no_approval(section: &Section) -> bool {
    !matches!(section, Section::Custom(custom) if custom.name() == APPROVAL_SECTION)
}

#[test]
fn the_reference_verifies_what_we_seal() {
    let candidate = candidate("a");
    assert!(public(JOB).verify(&mut &candidate[..], None).is_ok());
    assert!(public(JOB).verify_multi(&mut &candidate[..], None, |_| true).is_ok());
    assert!(public(ADA).verify(&mut &candidate[..], None).is_err(), "Ada has not signed yet");

    let file = approved(candidate, &[ADA, BEN]);
    assert!(public(BEN).verify(&mut &file[..], None).is_ok(), "the last approver signed the whole file");
    assert!(public(BEN).verify_multi(&mut &file[..], None, |_| true).is_ok());
    assert!(public(JOB).verify_multi(&mut &file[..], None, is_no_approval).is_ok(), "the job signed part 1");
    assert!(public(JOB).verify_multi(&mut &file[..], None, |_| true).is_err(), "and no approval");

    let mut changed = file.clone();
    *changed.last_mut().expect("a file has bytes") ^= 1;
    assert!(public(BEN).verify(&mut &changed[..], None).is_err());
}

#[test]
fn the_reference_seals_to_the_same_bytes() {
    let sign = |module: Module, seed: u8| {
        let id = public(seed).key_id;
        assert_eq!(id.as_deref(), Some(&id_of(&key(seed))[..]), "one key has one id");
        secret(seed).sign_multi(module, id.as_ref(), false, false).expect("a signature of theirs").0
    };
    let ours = candidate("a");
    let mut bare = read(&ours);
    bare.sections.remove(0);
    let theirs = sign(bare, JOB);
    assert_eq!(written(&theirs), ours);

    let ours = approved(ours, &[ADA]);
    let payload = approval(crate::bench::digest(&ours), ADA).to_bytes().expect("an approval");
    let section = CustomSection::new(APPROVAL_SECTION.to_owned(), payload);
    let mut part = Vec::new();
    Section::Custom(section.clone()).serialize(&mut part).expect("a buffer takes all");
    // The first 16 bytes that the rule of the seal gives for this part.
    let delimiter = Digest::of(&[&b"countersign-delimiter"[..], &part].concat()).as_bytes()[..16].to_vec();
    let mut extended = theirs;
    extended.sections.push(Section::Custom(section));
    extended.sections.push(Section::Custom(CustomSection::new(DELIMITER_SECTION.to_owned(), delimiter)));
    assert_eq!(written(&sign(extended, ADA)), ours);
}

fn id_of(key: &PrivateKey) -> [u8; 12] {
    *key.public().id().as_bytes()
}
