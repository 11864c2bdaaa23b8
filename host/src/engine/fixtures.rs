//! Small guests for tests, each made the way a real one is: a core module that `wit-component` wraps.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The memory, the allocator and the answer's header; `$answer` puts a list of one value, repeated, into memory.
///
/// `$heap` starts past the answer's header and is set back at each call, so that calls leave nothing behind.
const PRELUDE: &str = r#"
    (memory (export "memory") 4)
    (global $heap (mut i32) (i32.const 1024))
    (func $alloc (param $bytes i32) (result i32)
        (local $at i32)
        (local.set $at (global.get $heap))
        (global.set $heap (i32.add (global.get $heap) (i32.and (i32.add (local.get $bytes) (i32.const 7)) (i32.const -8))))
        (local.get $at))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (call $alloc (local.get 3)))
    (func $ok (param $at i32) (param $count i32) (result i32)
        (i32.store (i32.const 16) (i32.const 0))
        (i32.store (i32.const 20) (local.get $at))
        (i32.store (i32.const 24) (local.get $count))
        (global.set $heap (i32.const 1024))
        (i32.const 16))
    (func $answer (param $count i32) (param $value f64) (result i32)
        (local $at i32) (local $left i32) (local $next i32)
        (local.set $at (call $alloc (i32.mul (local.get $count) (i32.const 8))))
        (local.set $next (local.get $at))
        (local.set $left (local.get $count))
        (block $done
            (loop $more
                (br_if $done (i32.eqz (local.get $left)))
                (f64.store (local.get $next) (local.get $value))
                (local.set $next (i32.add (local.get $next) (i32.const 8)))
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br $more)))
        (call $ok (local.get $at) (local.get $count)))
    (func $deep (param i32) (result i32)
        (i32.add (i32.const 1) (call $deep (i32.add (local.get 0) (i32.const 1)))))
    (func (export "countersign:model/scorer@1.0.0#explain") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (i32.const 1))
        (i32.store (i32.const 20) (i32.const 2))
        (i32.const 16))
"#;

/// A component whose `score` has this body; `$rows` is the address of the values and `$values` their count.
pub fn component(body: &str) -> Vec<u8> {
    let wat = format!(
        "(module {PRELUDE}
         (func (export \"countersign:model/scorer@1.0.0#score\") (param $rows i32) (param $values i32) (result i32)
         (local $i i32)
         {body}))"
    );
    encode(&wat)
}

/// A component of this core module's text.
pub fn encode(wat: &str) -> Vec<u8> {
    let mut module = wat::parse_str(wat).expect("the fixture is valid WAT");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path("../wit").expect("the boundary is valid WIT");
    let world = resolve.select_world(&[package], Some("model")).expect("the world is called model");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the world can be embedded");
    let mut encoder = ComponentEncoder::default().module(&module).expect("the module has the world's exports");
    encoder.encode().expect("the module wraps into a component")
}

/// Answers `value` for every row of `width` values.
pub fn constant(value: f64, width: usize) -> Vec<u8> {
    let bits = value.to_bits() as i64;
    component(&format!(
        "(call $answer (i32.div_u (local.get $values) (i32.const {width})) (f64.reinterpret_i64 (i64.const {bits})))"
    ))
}
