//! Hooks that misbehave: none of them harms the host, or what `resilmesh` reads.

mod support;

use std::time::{Duration, Instant};

use resilmesh_hook_api::{FromHost, HookKind, Level, ToHost};
use serde_json::json;
use support::Bench;

const HEAD: &str = "from resilmesh.decorators import *\nimport os, sys, time\n";

fn bench(text: &str) -> Bench {
    let fine = "\n\n@trigger()\ndef fine():\n    return 'fine'\n";
    Bench::new(&[("p/setup.py", &format!("{HEAD}\n\n{text}{fine}"))])
}

/// The host still works.
fn assert_fine(bench: &mut Bench) {
    assert_eq!(bench.run("p/setup.py:fine").value(), "fine");
}

#[test]
fn whatever_is_written_on_standard_output_is_a_log() {
    let mut bench = bench(
        "@trigger()\ndef say():\n    print('printed')\n    sys.stdout.buffer.write(b'raw \\xff\\n')\n    print('wrong', file=sys.stderr)\n    os.write(1, b'{\"type\":\"done\",\"call\":1}\\n')\n    os.system('echo program; echo complains >&2')\n    os.write(1, b'no end')\n    sys.stdout.write('nor here')\n",
    );
    let outcome = bench.run("p/setup.py:say");
    let lines: Vec<_> = outcome.text().lines().map(str::to_owned).collect();
    let expected =
        ["printed", "raw \\xff", "wrong", r#"{"type":"done","call":1}"#, "program", "complains", "nor here", "no end"];
    for line in expected {
        assert_eq!(lines.iter().filter(|found| *found == line).count(), 1, "{line}: {lines:#?}");
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    assert!(outcome.logs.iter().all(|log| matches!(log, FromHost::Log { call: Some(1), level: Level::Info, .. })));
    assert_fine(&mut bench);
}

#[test]
fn logging_keeps_its_levels() {
    let mut bench = bench(
        "@trigger()\ndef say():\n    import logging\n    log = logging.getLogger('vendor')\n    log.debug('d')\n    log.info('i')\n    log.warning('w %s', 1)\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        log.exception('e')\n",
    );
    let outcome = bench.run("p/setup.py:say");
    let found: Vec<_> = outcome
        .logs
        .iter()
        .map(
            |log| if let FromHost::Log { level, text, .. } = log { (*level, text.as_str()) } else { panic!("{log:?}") },
        )
        .collect();
    assert_eq!(found[..3], [(Level::Info, "i"), (Level::Warning, "w 1"), (Level::Error, "e")]);
    assert!(found.iter().all(|(level, _)| *level != Level::Debug));
    assert_eq!(found.last(), Some(&(Level::Error, "ZeroDivisionError: division by zero")));
}

#[test]
fn a_flood_is_bounded() {
    let mut bench = bench(
        "@trigger()\ndef lines():\n    for i in range(100_000):\n        print(i)\n    return 'lines'\n\n\n@trigger()\ndef wide():\n    print('x' * (20 << 20))\n    return 'wide'\n\n\n@trigger()\ndef program():\n    os.system('head -c 30000000 /dev/zero')\n    return 'program'\n",
    );
    for function in ["lines", "wide", "program"] {
        let outcome = bench.run(&format!("p/setup.py:{function}"));
        assert_eq!(outcome.value(), function);
        let text = outcome.text();
        assert!(text.contains("left out"), "{function}");
        assert!(text.len() < 9 << 20 && outcome.logs.len() <= 20_001, "{function}: {}", text.len());
        assert_fine(&mut bench);
    }
}

#[test]
fn the_threads_of_a_hook_belong_to_its_call() {
    let mut bench = bench(
        "from concurrent.futures import ThreadPoolExecutor\n\n\n@trigger()\ndef waits(instance):\n    instance.get_secret('K')\n\n\n@trigger()\ndef works(instance):\n    with ThreadPoolExecutor(2) as pool:\n        return list(pool.map(lambda key: (print(key), instance.get_secret(key))[1], 'ab'))\n",
    );
    let call = bench.call(HookKind::Trigger, "p/setup.py:waits");
    let waits = bench.begin(call);
    let (unanswered, ..) = bench.question();
    let call = bench.call(HookKind::Trigger, "p/setup.py:works");
    let works = bench.begin(call);
    let (mut asked, mut printed) = (0, 0);
    while asked < 2 || printed < 2 {
        match bench.next() {
            FromHost::Ask { ask, call, .. } => {
                assert_eq!(call, works);
                asked += 1;
                bench.answer(ask, json!("v"));
            }
            FromHost::Log { call, .. } => {
                assert_eq!(call, Some(works));
                printed += 1;
            }
            other => panic!("not expected: {other:?}"),
        }
    }
    assert_eq!(bench.finish(works).value(), &json!(["v", "v"]));
    bench.answer(unanswered, json!(null));
    bench.finish(waits);
}

#[test]
fn an_exception_comes_with_the_vendors_own_lines() {
    let mut bench = bench(
        "import json\n\n\ndef inner():\n    return json.loads('{')\n\n\n@trigger()\ndef fail():\n    try:\n        inner()\n    except ValueError as error:\n        raise RuntimeError('tenant said\\n503') from error\n",
    );
    let outcome = bench.run("p/setup.py:fail");
    let error = outcome.error();
    assert_eq!((error.class.as_deref(), error.message.as_str()), (Some("RuntimeError"), "tenant said 503"));
    assert_eq!(error.traceback, ["setup.py:17 in fail: raise RuntimeError('tenant said\\n503') from error"]);
    let full = error.full.as_deref().unwrap_or_default();
    assert!(full.contains("JSONDecodeError") && full.contains("return json.loads('{')"), "{full}");
    assert_fine(&mut bench);
}

#[test]
fn leaving_is_a_failure() {
    let mut bench = bench(
        "@trigger()\ndef leave():\n    sys.exit(3)\n\n\n@trigger()\ndef strange():\n    class Strange(BaseException):\n        pass\n    raise Strange\n\n\n@trigger()\ndef interrupt():\n    raise KeyboardInterrupt\n\n\n@trigger()\ndef close():\n    sys.stdout.close()\n    os.close(0)\n    sys.stdout = None\n    sys.stdout = sys.__stdout__\n",
    );
    let outcome = bench.run("p/setup.py:leave");
    assert_eq!(outcome.error().message, "the hook called sys.exit(3)");
    assert_eq!(outcome.error().class.as_deref(), Some("SystemExit"));
    assert!(outcome.error().hint.is_some());
    assert_eq!(bench.run("p/setup.py:strange").error().class.as_deref(), Some("Strange"));
    assert_eq!(bench.run("p/setup.py:interrupt").error().class.as_deref(), Some("KeyboardInterrupt"));
    bench.run("p/setup.py:close").value();
    assert_fine(&mut bench);
}

#[test]
fn a_host_that_dies_is_seen_by_the_end_of_what_it_says() {
    let mut first = bench("@trigger()\ndef die():\n    os._exit(5)\n");
    let call = first.call(HookKind::Trigger, "p/setup.py:die");
    first.begin(call);
    assert_eq!(first.until_it_dies(), Vec::<String>::new());
    assert_eq!(first.end().0.code(), Some(5));

    let mut second = bench("@trigger()\ndef crash():\n    import ctypes\n    ctypes.string_at(0)\n");
    let call = second.call(HookKind::Trigger, "p/setup.py:crash");
    second.begin(call);
    second.until_it_dies();
    let (status, _, words) = second.end();
    assert!(!status.success());
    assert!(words.contains("Segmentation fault") && words.contains("in crash"), "{words}");
}

#[test]
fn a_copy_made_with_fork_neither_speaks_nor_holds_anything() {
    let mut bench = bench(
        "@trigger()\ndef double(instance):\n    child = os.fork()\n    if child:\n        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n    print('printed by the copy')\n    try:\n        instance.get_secret('K')\n    except RuntimeError as error:\n        print(error)\n    return 'returned by the copy'\n\n\n@trigger()\ndef raises():\n    child = os.fork()\n    if child:\n        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n    raise ValueError('raised by the copy')\n\n\n@trigger()\ndef leaves():\n    child = os.fork()\n    if child:\n        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n    sys.exit(7)\n\n\n@trigger()\ndef stays():\n    child = os.fork()\n    if child:\n        return child\n    time.sleep(1000)\n",
    );
    let outcome = bench.run("p/setup.py:double");
    assert_eq!(outcome.value(), 0);
    let text = outcome.text();
    assert!(text.contains("printed by the copy") && text.contains("cannot ask resilmesh"), "{text}");
    let outcome = bench.run("p/setup.py:raises");
    assert_eq!(outcome.value(), 1);
    assert!(outcome.text().contains("ValueError: raised by the copy"), "{}", outcome.text());
    assert_eq!(bench.run("p/setup.py:leaves").value(), 7);
    assert_fine(&mut bench);
    let child = bench.run("p/setup.py:stays").value().as_i64().expect("its number");
    // The copy lives on, and yet the end of the host is seen.
    let (status, said, _) = bench.end();
    let child = nix::unistd::Pid::from_raw(i32::try_from(child).expect("a number"));
    let killed = nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL);
    assert!(killed.is_ok(), "the copy should still live");
    assert!(status.success() && said.is_empty(), "{said:?}");
}

/// Cancels a hook once it has started, and gives what came of it.
fn cancel(bench: &mut Bench, function: &str) -> (support::Outcome, Duration) {
    let call = bench.call(HookKind::Trigger, &format!("p/setup.py:{function}"));
    let id = bench.begin(call);
    let started = loop {
        match bench.next() {
            FromHost::Log { text, .. } if text == "started" => break Instant::now(),
            FromHost::Ask { .. } => break Instant::now(),
            _ => {}
        }
    };
    bench.send(&ToHost::Cancel { id });
    (bench.finish(id), started.elapsed())
}

#[test]
fn a_hook_can_be_cancelled() {
    let mut bench = bench(
        "import asyncio\n\n\n@trigger()\ndef loops():\n    try:\n        print('started')\n        while True:\n            pass\n    finally:\n        print('cleaned up')\n\n\n@trigger()\ndef sleeps():\n    print('started')\n    time.sleep(1000)\n\n\n@trigger()\ndef asks(instance):\n    instance.get_secret('K', True)\n\n\n@trigger()\nasync def awaits():\n    print('started')\n    await asyncio.sleep(1000)\n\n\n@trigger()\ndef yields():\n    print('started')\n    while True:\n        time.sleep(0.001)\n        yield 1\n",
    );
    for function in ["loops", "sleeps", "asks", "awaits", "yields"] {
        let (outcome, took) = cancel(&mut bench, function);
        let error = outcome.error();
        assert_eq!((error.class.as_deref(), error.message.as_str()), (Some("KeyboardInterrupt"), "it was cancelled"));
        assert!(took < Duration::from_secs(30), "{function}: {took:?}");
        assert_eq!(outcome.text().contains("cleaned up"), function == "loops");
        assert_fine(&mut bench);
    }
}

#[test]
fn a_cancellation_of_what_has_ended_does_nothing() {
    let mut bench = bench("");
    assert_fine(&mut bench);
    bench.send(&ToHost::Cancel { id: 1 });
    bench.send(&ToHost::Cancel { id: 77 });
    bench.send(&ToHost::Answer { ask: 5, value: json!(1), error: None });
    assert_fine(&mut bench);
}

#[test]
fn a_deadline_ends_a_hook() {
    let mut bench = bench(
        "@trigger()\ndef sleeps():\n    time.sleep(1000)\n\n\n@trigger()\ndef loops():\n    while True:\n        pass\n",
    );
    for function in ["sleeps", "loops"] {
        let mut call = bench.call(HookKind::Trigger, &format!("p/setup.py:{function}"));
        call.deadline = Some(200);
        let id = bench.begin(call);
        let outcome = bench.finish(id);
        let error = outcome.error();
        assert_eq!(
            (error.class.as_deref(), error.message.as_str()),
            (Some("TimeoutError"), "it took longer than 0.2 s")
        );
        assert!(error.traceback[0].contains(function), "{error:?}");
    }
    let mut call = bench.call(HookKind::Trigger, "p/setup.py:fine");
    call.deadline = Some(60_000);
    let id = bench.begin(call);
    assert_eq!(bench.finish(id).value(), "fine");
}

#[test]
fn mistakes_in_a_file_name_their_place() {
    let import = format!("{HEAD}import nosuch_module.deep\n\n\n@trigger()\ndef f():\n    pass\n");
    let relative = format!("{HEAD}from .nosuch import x\n\n\n@trigger()\ndef f():\n    pass\n");
    let name = format!("{HEAD}from resilmesh.model import Nothing\n\n\n@trigger()\ndef f():\n    pass\n");
    let mut bench = Bench::new(&[
        ("p/syntax.py", "x = 1\ndef f(:\n"),
        ("p/import.py", &import),
        ("p/relative.py", &relative),
        ("p/name.py", &name),
        ("p/raises.py", "def f():\n    pass\n\n\n1 / 0\n"),
        ("p/fine.py", &format!("{HEAD}\n\n@trigger()\ndef f():\n    return 'fine'\n")),
        ("p/absent.py", "x = 1\n"),
    ]);
    let outcome = bench.run("p/syntax.py:f");
    assert_eq!(outcome.error().message, "syntax.py:2: invalid syntax");
    let outcome = bench.run("p/import.py:f");
    assert_eq!(outcome.error().message, "import.py:3: the module nosuch_module is not installed");
    let hint = outcome.error().hint.clone().unwrap_or_default();
    assert!(hint.contains("nosuch_module") && hint.contains("products/p/requirements.txt"), "{hint}");
    let outcome = bench.run("p/relative.py:f");
    assert_eq!(outcome.error().message, "relative.py:3: the product has no module nosuch");
    let outcome = bench.run("p/name.py:f");
    assert!(outcome.error().message.starts_with("name.py:3: cannot import name 'Nothing'"), "{outcome:?}");
    let outcome = bench.run("p/raises.py:f");
    assert_eq!(outcome.error().traceback, ["raises.py:5: 1 / 0"]);
    let outcome = bench.run("p/absent.py:f");
    assert!(outcome.error().message.contains("no function f"), "{outcome:?}");
    let outcome = bench.run("p/gone.py:f");
    assert_eq!(outcome.error().message, "the product has no module gone");
    assert_eq!(bench.run("p/fine.py:f").value(), "fine");
}

#[test]
fn a_hook_reads_nothing_from_standard_input() {
    let mut bench = bench("@trigger()\ndef reads():\n    return [sys.stdin.read(), os.read(0, 10)]\n");
    assert_eq!(bench.run("p/setup.py:reads").value(), &json!(["", ""]));
    assert_fine(&mut bench);
}

#[test]
fn programs_of_a_hook_do_not_inherit_the_protocol() {
    let mut bench = bench("@trigger()\ndef look():\n    return os.popen('ls -l /proc/self/fd').read()\n");
    let outcome = bench.run("p/setup.py:look");
    let listing = outcome.value().as_str().unwrap_or_default();
    let open = listing.lines().filter(|line| line.contains("pipe:")).count();
    assert!((2..=2).contains(&open), "standard output, and the error stream: {listing}");
}

#[test]
fn the_end_of_input_ends_the_host() {
    let mut bench = bench(
        "import atexit\n\n\n@trigger()\ndef waits():\n    atexit.register(lambda: open('exit.txt', 'w').write('done'))\n    try:\n        print('started')\n        time.sleep(1000)\n    finally:\n        open('cleaned.txt', 'w').write('yes')\n\n\n@trigger()\ndef stubborn():\n    while True:\n        try:\n            print('started')\n            time.sleep(1000)\n        except KeyboardInterrupt:\n            pass\n",
    );
    for function in ["waits", "stubborn"] {
        let call = bench.call(HookKind::Trigger, &format!("p/setup.py:{function}"));
        bench.begin(call);
        while !matches!(bench.next(), FromHost::Log { text, .. } if text == "started") {}
    }
    bench.hang_up();
    assert_eq!(bench.wait_for_file("cleaned.txt"), "yes");
    assert_eq!(bench.wait_for_file("exit.txt"), "done");
    assert!(bench.end().0.success());
}

#[test]
fn an_interrupt_from_the_terminal_is_left_to_resilmesh() {
    let mut bench = bench(
        "import signal, subprocess\n\n\n@trigger()\ndef signals():\n    os.kill(os.getpid(), signal.SIGINT)\n    return subprocess.call(['sh', '-c', 'kill -INT $$; echo survived'])\n",
    );
    assert_eq!(bench.run("p/setup.py:signals").value(), -2);
    assert_fine(&mut bench);
}

#[test]
fn what_resilmesh_says_wrong_is_told_or_refused() {
    let mut good = bench("");
    good.send_line("no JSON");
    assert!(matches!(good.next(), FromHost::Log { level: Level::Warning, .. }));
    assert_fine(&mut good);

    let mut bad = Bench::silent(&[]);
    bad.next();
    bad.send(&ToHost::Cancel { id: 1 });
    let (status, ..) = bad.end();
    assert!(!status.success());
}

#[test]
fn options_tell_the_versions() {
    let run = |option: &str| {
        let program = env!("CARGO_BIN_EXE_resilmesh-python-host");
        std::process::Command::new(program).arg(option).output().expect("it starts")
    };
    let runtime = String::from_utf8(run("--runtime").stdout).expect("text");
    let mut greeting = Bench::silent(&[]);
    let FromHost::Hello { runtime: greeted, program, .. } = greeting.next() else { panic!("no greeting") };
    assert_eq!(runtime.trim(), greeted);
    if let Some(program) = program {
        let said = std::process::Command::new(program).arg("--version").output().expect("it starts");
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), format!("Python {greeted}"));
    }
    assert_eq!(run("--version").stdout, format!("resilmesh-python-host {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
    assert!(!run("--nonsense").status.success());
}
