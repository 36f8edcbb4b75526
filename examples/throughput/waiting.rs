//! Waiting: how late the end of a job is noticed, and what that takes, under a simulated clock.

use std::time::Duration;

use mendix_deploy::Poll;

/// A named way of choosing the next pause from the time waited and the last pause.
type Schedule<'a> = (&'a str, Box<dyn Fn(Duration, Duration) -> Duration>);

pub(crate) fn run() {
    let s = Duration::from_secs;
    let poll = Poll::default();
    let schedules: [Schedule<'_>; 4] = [
        ("this crate", Box::new(move |elapsed, _| poll.pause(elapsed).unwrap_or(Duration::MAX))),
        ("every 1 s", Box::new(move |_, _| s(1))),
        ("every 15 s", Box::new(move |_, _| s(15))),
        ("1 s doubling to 30 s", Box::new(move |_, last| (last * 2).clamp(s(1), s(30)))),
    ];
    println!("\nwaiting, simulated: the worst delay for jobs of up to so long, and the polls until then");
    print!("{:<8}", "job of");
    for (name, _) in &schedules {
        print!("{name:>21}");
    }
    println!();
    let mut on_time = true;
    let mut most_polls = 0;
    for (label, shortest, longest) in [
        ("1 s", 500, 1_000),
        ("10 s", 5_000, 10_000),
        ("1 min", 30_000, 60_000),
        ("5 min", 150_000, 300_000),
        ("30 min", 900_000, 1_790_000),
    ] {
        print!("{label:<8}");
        for (index, (_, next)) in schedules.iter().enumerate() {
            let (mut worst, mut polls) = (Duration::ZERO, 0);
            for millis in (shortest..=longest).step_by(50) {
                let duration = Duration::from_millis(millis);
                let (late, made) = delay(duration, next);
                (worst, polls) = (worst.max(late), polls.max(made));
                on_time &= index > 0 || late <= (duration / 10).max(s(1));
            }
            if index == 0 {
                most_polls = most_polls.max(polls);
            }
            print!("{:>21}", format!("{:.1} s, {polls} polls", worst.as_secs_f64()));
        }
        println!();
    }
    let said = if on_time { "met:   " } else { "MISSED:" };
    println!("  target {said} never later than a tenth of the job's duration, or 1 s");
    let said = if most_polls <= 160 { "met:   " } else { "MISSED:" };
    println!("  target {said} at most 160 polls in 30 min: {most_polls}");
}

/// How late the first poll after the end of the job is, and how many polls it took.
fn delay(duration: Duration, next: &dyn Fn(Duration, Duration) -> Duration) -> (Duration, u32) {
    let (mut now, mut pause, mut polls) = (Duration::ZERO, Duration::ZERO, 1);
    while now < duration {
        pause = next(now, pause);
        now += pause;
        polls += 1;
    }
    (now.saturating_sub(duration), polls)
}
