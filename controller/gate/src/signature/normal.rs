//! A line of a kernel log without what differs from crash to crash: times, addresses, numbers of
//! processors and processes, offsets.

/// A line without what the logger put before it: syslog's date and host, the level, printk's
/// time and caller (Documentation/admin-guide/kernel-parameters.txt, `printk.time`; the kernel's
/// `CONFIG_PRINTK_CALLER`).
#[must_use]
pub fn message(line: &str) -> &str {
    let mut rest = line.trim();
    if let Some((_, after)) = rest.split_once(" kernel: ") {
        rest = after.trim_start();
    }
    if let Some(after) = rest.strip_prefix('<')
        && let Some((level, after)) = after.split_once('>')
        && level.bytes().all(|b| b.is_ascii_digit())
    {
        rest = after.trim_start();
    }
    while let Some(inside) = rest.strip_prefix('[')
        && let Some((mark, after)) = inside.split_once(']')
        && is_prefix(mark.trim())
    {
        rest = after.trim_start();
    }
    rest
}

/// `12.345678`, or a caller as in `T1234` and `C3`.
fn is_prefix(mark: &str) -> bool {
    let digits = mark.trim_start_matches(['T', 'C']);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// A place in the code, as in `nvme_irq+0x1a/0x90 [nvme]`: the function without offset and
/// without what compilers append, and its module. None if there is none.
#[must_use]
pub fn place(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let (function, offset) = words.next()?.split_once("+0x")?;
    if !offset.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let function = plain_function(function);
    let module = words.find_map(|word| word.strip_prefix('[').and_then(|w| w.strip_suffix(']')));
    match module {
        // A module may show its build id behind its name.
        Some(module) if !module.is_empty() => Some(format!("{function} [{module}]")),
        _ => Some(function.to_owned()),
    }
}

/// A function without `.isra.0`, `.constprop.0`, `.part.0`, `.cold` and the like.
#[must_use]
pub fn plain_function(function: &str) -> &str {
    match function.split_once('.') {
        Some((plain, _)) if !plain.is_empty() => plain,
        _ => function,
    }
}

/// A text in which every number and address is `N` and every `name:pid` or `[name:pid]` is gone.
#[must_use]
pub fn without_numbers(text: &str) -> String {
    let words = text.split_whitespace().filter_map(|word| {
        if is_task(word) {
            return None;
        }
        Some(if is_address(word) { "N".to_owned() } else { replace_digits(word) })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `[kworker/3:1:4711]`, as lockups name who ran.
fn is_task(word: &str) -> bool {
    let inside = word.strip_prefix('[').and_then(|w| w.strip_suffix(']'));
    let name = inside.unwrap_or(word);
    name.rsplit_once(':').is_some_and(|(name, pid)| {
        !name.is_empty() && !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit())
    }) && (inside.is_some() || !name.contains(".c:"))
}

/// `0x1f`, or eight and more hexadecimal digits.
fn is_address(word: &str) -> bool {
    let word = word.trim_end_matches([',', ':', '.', ')', '!']);
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let hexadecimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    hexadecimal && (digits.len() < word.len() || digits.len() >= 8)
}

/// Every run of digits as `N`.
fn replace_digits(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('N') {
            out.push('N');
        }
    }
    out
}
