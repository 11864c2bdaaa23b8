//! Guests that misbehave: each fault has its own error, and the next call is served.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixtures::{component, constant, encode};
use super::*;

const WIDTH: usize = 2;

fn engine() -> Engine {
    Engine::new(EngineLimits { memory_bytes_max: 1 << 20, ..EngineLimits::default() }).expect("the limits are fine")
}

/// A guest that does `fault` when a call's first value is 1, and answers 0.5 for each row otherwise.
fn faulty(fault: &str) -> Vec<u8> {
    component(&format!(
        "(if (f64.eq (f64.load (local.get $rows)) (f64.const 1)) (then {fault}))
         (call $answer (i32.div_u (local.get $values) (i32.const {WIDTH})) (f64.const 0.5))"
    ))
}

/// Checks that the fault gives this error, that the faulty instance is thrown away or kept, and that others go on.
fn check(fault: &str, wanted: ScoreError) {
    let engine = engine();
    let model = engine.compile(&faulty(fault), WIDTH).expect(fault);
    for round in 0..3 {
        assert_eq!(model.score(&[0.0; 4]).expect("no fault"), [0.5, 0.5], "{fault}");
        let before = model.idle_count();
        assert_eq!(model.score(&[1.0, 0.0]).expect_err(fault), wanted, "{fault}, round {round}");
        let kept = usize::from(matches!(wanted, ScoreError::Refused(_)));
        assert_eq!(model.idle_count(), before - 1 + kept, "{fault}");
    }
    assert_eq!(model.score(&[0.0; 2]).expect("no fault"), [0.5], "{fault}");
    let figures = engine.counters().figures();
    assert_eq!(figures.calls, 7, "{fault}");
    let counted = figures.deadlines + figures.memory + figures.traps + figures.bad_outputs + figures.refusals;
    assert_eq!(counted, 3, "{fault}: {figures:?}");
}

#[test]
fn each_fault_has_its_error_and_the_next_call_is_served() {
    check("(loop $ever (br $ever))", ScoreError::Deadline { deadline_ms: 50 });
    check("unreachable", ScoreError::Trap("wasm trap: wasm `unreachable` instruction executed".to_owned()));
    check("(drop (call $deep (i32.const 0)))", ScoreError::Trap("wasm trap: call stack exhausted".to_owned()));
    check("(loop $more (drop (memory.grow (i32.const 1))) (br $more))", ScoreError::Memory { bytes_max: 1 << 20 });
    check("(return (call $answer (i32.const 1) (f64.const nan)))", ScoreError::OutputNotFinite { row: 0 });
    check("(return (call $answer (i32.const 1) (f64.const inf)))", ScoreError::OutputNotFinite { row: 0 });
    check("(return (call $answer (i32.const 2) (f64.const 0)))", ScoreError::OutputLength { got: 2, wanted: 1 });
    check("(return (call $answer (i32.const 0) (f64.const 0)))", ScoreError::OutputLength { got: 0, wanted: 1 });
    check(
        "(i32.store (i32.const 16) (i32.const 1)) (i32.store8 (i32.const 20) (i32.const 1))
         (i32.store (i32.const 24) (i32.const 7)) (return (i32.const 16))",
        ScoreError::Refused(GuestRefusal::TooManyRows(7)),
    );
}

#[test]
fn an_answer_outside_memory_breaks_the_boundary() {
    for fault in [
        "(return (call $ok (i32.const 0x7ffffff8) (i32.const 1)))",
        "(return (call $ok (i32.const 1024) (i32.const 0x1fffffff)))",
        "(return (call $ok (i32.const 1025) (i32.const 1)))",
        "(return (i32.const 0x7ffffff0))",
        "(i32.store (i32.const 16) (i32.const 9)) (return (i32.const 16))",
    ] {
        let model = engine().compile(&faulty(fault), WIDTH).expect(fault);
        let error = model.score(&[1.0, 0.0]).expect_err(fault);
        assert!(matches!(error, ScoreError::Boundary(_)), "{fault}: {error:?}");
        assert_eq!(model.score(&[0.0; 2]).expect("no fault"), [0.5], "{fault}");
    }
}

#[test]
fn a_deadline_is_neither_early_nor_much_too_late() {
    let model = engine().compile(&faulty("(loop $ever (br $ever))"), WIDTH).expect("compiles");
    let start = Instant::now();
    assert!(matches!(model.score(&[1.0, 0.0]), Err(ScoreError::Deadline { .. })));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(50) && took < Duration::from_secs(5), "{took:?}");
}

/// The clock used to tick a thousand times a second for nobody.
#[test]
fn an_idle_clock_sleeps_and_wakes_for_the_next_call() {
    let engine = engine();
    let model = engine.compile(&faulty("(loop $ever (br $ever))"), WIDTH).expect("compiles");
    for round in 0..3 {
        let start = Instant::now();
        while !engine.0.ticker.is_parked() {
            assert!(start.elapsed() < Duration::from_secs(60), "round {round}: it never sleeps");
            std::thread::sleep(Duration::from_millis(5));
        }
        let start = Instant::now();
        assert!(matches!(model.score(&[1.0, 0.0]), Err(ScoreError::Deadline { .. })), "round {round}");
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(50) && took < Duration::from_secs(5), "round {round}: {took:?}");
    }
    // Short calls, each of which may meet the clock as it falls asleep.
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(120));
        for _ in 0..1000 {
            assert_eq!(model.score(&[0.0; 2]), Ok(vec![0.5]));
        }
    }
}

#[test]
fn a_healthy_guest_is_not_stopped_for_the_load_of_the_machine() {
    // Eight spinning threads for each processor: a thread waits for its turn far longer than the deadline.
    let engine = Engine::new(EngineLimits { deadline_ms: 5, ..EngineLimits::default() }).expect("the limits are fine");
    let model = engine.compile(&constant(0.25, WIDTH), WIDTH).expect("compiles");
    let threads = 8 * std::thread::available_parallelism().map_or(2, usize::from);
    let end = Instant::now() + Duration::from_secs(1);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while Instant::now() < end {
                    assert_eq!(model.score(&[0.0; 2]), Ok(vec![0.25]));
                }
            });
        }
    });
}

#[test]
fn rows_are_bounded_and_whole() {
    let model = engine().compile(&constant(0.25, WIDTH), WIDTH).expect("compiles");
    let at_bound = vec![0.0; WIDTH * 1024];
    assert_eq!(model.score(&at_bound).expect("at the bound").len(), 1024);
    let past = vec![0.0; WIDTH * 1025];
    assert_eq!(model.score(&past), Err(ScoreError::TooManyRows { rows: 1025, rows_max: 1024 }));
    assert_eq!(model.score(&[0.0; 3]), Err(ScoreError::RowWidth { values: 3, width: 2 }));
    assert_eq!(model.score(&[]), Ok(vec![]));
}

#[test]
fn instances_are_kept_warm_and_replaced_in_time() {
    let limits = EngineLimits { instance_calls_max: 3, warm_instances_max: 2, ..EngineLimits::default() };
    let engine = Engine::new(limits).expect("the limits are fine");
    let model = engine.compile(&constant(0.25, WIDTH), WIDTH).expect("compiles");
    model.warm(8, &[]).expect("instances can be made");
    assert_eq!(model.idle_count(), 2);
    for _ in 0..6 {
        model.score(&[0.0; 2]).expect("no fault");
    }
    assert_eq!(engine.counters().figures().instances, 2, "two instances serve three calls each");
    model.score(&[0.0; 2]).expect("no fault");
    assert_eq!(engine.counters().figures().instances, 3);
}

#[test]
fn threads_share_a_model() {
    let model = engine().compile(&constant(0.25, WIDTH), WIDTH).expect("compiles");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..500 {
                    assert_eq!(model.score(&[0.0; 2]), Ok(vec![0.25]));
                }
            });
        }
    });
    assert!(model.idle_count() <= 8);
}

#[test]
fn batches_run_elsewhere_and_the_queue_is_bounded() {
    let engine = Engine::new(EngineLimits { deadline_ms: 200, ..EngineLimits::default() }).expect("fine");
    let model = Arc::new(engine.compile(&faulty("(loop $ever (br $ever))"), WIDTH).expect("compiles"));
    let pool = BatchPool::new(1, 1, 10_000).expect("threads start");
    let (reply, answers) = std::sync::mpsc::channel();
    let send = |rows: Vec<f64>| {
        let reply = reply.clone();
        pool.score(Arc::clone(&model), rows, move |answer| reply.send(answer).expect("the test waits"))
    };
    send(vec![0.0; 1000 * WIDTH]).expect("the queue is empty");
    assert_eq!(answers.recv().expect("a reply").expect("no fault"), vec![0.5; 1000]);
    assert_eq!(send(vec![0.0; 10_001 * WIDTH]), Err(BatchError::TooManyRows { rows: 10_001, rows_max: 10_000 }));
    // One runs until its deadline, one waits, and a third finds no place.
    let mut refused = 0;
    for _ in 0..3 {
        refused += usize::from(send(vec![1.0; WIDTH]) == Err(BatchError::QueueFull { queue_max: 1 }));
    }
    assert!(refused >= 1);
    for _ in 0..3 - refused {
        assert_eq!(answers.recv().expect("a reply"), Err(ScoreError::Deadline { deadline_ms: 200 }));
    }
    send(vec![0.0; WIDTH]).expect("there is room again");
    assert_eq!(answers.recv().expect("a reply"), Ok(vec![0.5]));
}

#[test]
fn only_the_structure_of_a_model_is_admitted() {
    let fine = constant(0.25, WIDTH);
    let limits = ModuleLimits::default();
    assert_eq!(admit(&fine, &limits), Ok(()));
    let check = |bytes: &[u8], limits: &ModuleLimits, code: &str| {
        assert_eq!(admit(bytes, limits).expect_err(code).code(), code);
        let engine = Engine::new(EngineLimits { module: limits.clone(), ..EngineLimits::default() }).expect("fine");
        assert_eq!(engine.compile(bytes, WIDTH).expect_err(code).code(), code);
    };
    check(b"", &limits, "malformed");
    check(&fine[..fine.len() - 1], &limits, "malformed");
    check(&wat::parse_str("(module)").expect("valid"), &limits, "malformed");
    let wat = |text: &str| wat::parse_str(text).expect("valid WAT");
    check(&wat("(component)"), &limits, "core_modules");
    check(&wat("(component (core module) (core module))"), &limits, "core_modules");
    check(&wat("(component (core module))"), &limits, "exports");
    check(&wat("(component (import \"a\" (func)))"), &limits, "imports");
    check(&wat("(component (core module (import \"a\" \"b\" (func))))"), &limits, "imports");
    check(&wat("(component (core module (func) (start 0)))"), &limits, "start_function");
    check(&wat("(component (component (core module)))"), &limits, "nested");
    check(&wat("(component (component) (component))"), &limits, "nested");
    check(&wat("(component (core module (memory 4097)))"), &limits, "too_large");
    check(&wat("(component (core module (memory 1) (memory 1)))"), &limits, "too_large");
    check(&wat("(component (core module (memory i64 1)))"), &limits, "unexpected_section");
    check(&wat("(component (core module (table 10001 funcref)))"), &limits, "too_large");
    check(&wat("(component (core module (tag)))"), &limits, "unexpected_section");
    let at_bound = ModuleLimits { locals_max: 3, blocks_max: 2, all_blocks_max: 2, nesting_max: 2, ..limits.clone() };
    assert_eq!(admit(&fine, &at_bound), Ok(()), "each bound is obeyed at the bound");
    for small in [
        ModuleLimits { module_bytes_max: fine.len() - 1, ..ModuleLimits::default() },
        ModuleLimits { functions_max: 3, ..ModuleLimits::default() },
        ModuleLimits { code_bytes_max: 20, ..ModuleLimits::default() },
        ModuleLimits { function_bytes_max: 20, ..ModuleLimits::default() },
        ModuleLimits { locals_max: 2, ..ModuleLimits::default() },
        ModuleLimits { blocks_max: 1, ..ModuleLimits::default() },
        ModuleLimits { all_blocks_max: 1, ..ModuleLimits::default() },
        ModuleLimits { nesting_max: 1, ..ModuleLimits::default() },
        ModuleLimits { memory_pages_max: 3, ..ModuleLimits::default() },
        ModuleLimits { entries_max: 3, ..ModuleLimits::default() },
        ModuleLimits { custom_sections_max: 0, ..ModuleLimits::default() },
    ] {
        check(&fine, &small, "too_large");
    }
}

#[test]
fn what_the_sandbox_lacks_does_not_compile() {
    let engine = engine();
    for body in [
        "(drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))) (i32.const 0)",
        "(drop (struct.new_default $s)) (i32.const 0)",
    ] {
        let types = if body.contains("$s") { "(type $s (struct))" } else { "" };
        let wat = format!(
            "(component (core module $m {types} (func (export \"f\") (result i32) {body}))
             (core instance $i (instantiate $m))
             (instance $empty) (export \"countersign:model/scorer@1.0.0\" (instance $empty)))"
        );
        let error = engine.compile(&wat::parse_str(&wat).expect("valid WAT"), WIDTH).expect_err(body);
        assert_eq!(error.code(), "not_compilable", "{error}");
    }
    // The right name with the wrong interface behind it.
    let wat =
        "(component (core module) (instance $empty) (export \"countersign:model/scorer@1.0.0\" (instance $empty)))";
    let error = engine.compile(&wat::parse_str(wat).expect("valid WAT"), WIDTH).expect_err("no functions");
    assert_eq!(error.code(), "not_compilable", "{error}");
}

#[test]
fn a_module_that_starts_too_large_is_no_instance() {
    let engine = engine();
    let wat = "(module (memory (export \"memory\") 17)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0))
        (func (export \"countersign:model/scorer@1.0.0#score\") (param i32 i32) (result i32) (i32.const 0))
        (func (export \"countersign:model/scorer@1.0.0#explain\") (param i32 i32) (result i32) (i32.const 0)))";
    let model = engine.compile(&encode(wat), WIDTH).expect("1 MiB and a page is within the structure's bound");
    assert_eq!(model.warm(1, &[]), Err(ScoreError::Memory { bytes_max: 1 << 20 }));
    assert_eq!(model.score(&[0.0; 2]), Err(ScoreError::Memory { bytes_max: 1 << 20 }));
}

#[test]
fn limits_are_checked() {
    let check = |limits: EngineLimits| assert!(matches!(Engine::new(limits), Err(EngineError::Limit(_))));
    check(EngineLimits { deadline_ms: 0, ..EngineLimits::default() });
    check(EngineLimits { stack_bytes_max: 8 << 20, ..EngineLimits::default() });
    check(EngineLimits { call_rows_max: 0, ..EngineLimits::default() });
    check(EngineLimits { instance_calls_max: 0, ..EngineLimits::default() });
}
