//! Reading `grub.cfg`: enough of GRUB's script language to know the menu and how the default is
//! chosen. Nothing is ever written to it.

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What people see.
    pub title: String,
    /// What settings may name it by.
    pub id: Option<String>,
    /// What it does.
    pub kind: ItemKind,
}

/// What a line of the menu does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// Boots.
    Entry {
        /// The path of the kernel's image and its parameters, if it boots Linux.
        linux: Option<(String, String)>,
        /// Its lines as they are.
        body: Vec<String>,
    },
    /// Opens another menu.
    Submenu(Vec<Item>),
}

/// What `grub.cfg` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrubCfg {
    /// The menu.
    pub items: Vec<Item>,
    /// What `default` is set to when no one-shot entry is armed.
    pub default: Option<String>,
    /// The environment block is read.
    pub loads_env: bool,
    /// A one-shot entry is honoured, and used up before it boots.
    pub honours_once: bool,
    /// The menu comes from entry files.
    pub entry_files: bool,
}

impl GrubCfg {
    /// Whether the default is the entry that the environment block names.
    #[must_use]
    pub fn default_is_saved(&self) -> bool {
        self.loads_env && matches!(self.default.as_deref(), Some("${saved_entry}" | "$saved_entry"))
    }
}

/// What a `{` opened.
enum Open {
    Item(Item),
    Other,
}

/// Reads `grub.cfg`.
#[must_use]
pub fn parse(text: &str) -> GrubCfg {
    let mut cfg = GrubCfg::default();
    let mut open: Vec<Open> = Vec::new();
    for line in text.lines() {
        let words = split(line);
        let Some(first) = words.first().map(String::as_str) else { continue };
        if first != "}"
            && let Some(Open::Item(Item { kind: ItemKind::Entry { body, .. }, .. })) =
                open.last_mut()
        {
            body.push(line.to_owned());
        }
        match first {
            "menuentry" | "submenu" => {
                if words.last().is_some_and(|word| word == "{") {
                    open.push(Open::Item(item(&words)));
                }
                continue;
            }
            "}" => {
                close(&mut cfg, &mut open);
                continue;
            }
            "linux" | "linux16" | "linuxefi" => set_linux(&mut open, &words),
            "load_env" => cfg.loads_env = true,
            "blscfg" => cfg.entry_files = true,
            "save_env" => cfg.honours_once |= words.iter().any(|word| word == "next_entry"),
            "set" => set_default(&mut cfg, &words),
            _ => {}
        }
        if words.last().is_some_and(|word| word == "{") {
            open.push(Open::Other);
        }
    }
    cfg
}

fn set_default(cfg: &mut GrubCfg, words: &[String]) {
    let Some(value) = words.get(1).and_then(|word| word.strip_prefix("default=")) else { return };
    if value.contains("next_entry") {
        return;
    }
    // The last one that is not for a special case counts; distributions set a literal first.
    cfg.default = Some(value.to_owned());
}

fn set_linux(open: &mut [Open], words: &[String]) {
    let Some(Open::Item(item)) = open.last_mut() else { return };
    if let (ItemKind::Entry { linux, .. }, Some(image)) = (&mut item.kind, words.get(1)) {
        *linux = Some((image.clone(), words.get(2..).unwrap_or_default().join(" ")));
    }
}

fn item(words: &[String]) -> Item {
    let title = words.get(1).cloned().unwrap_or_default();
    let marker = |word: &&String| *word == "--id" || word.ends_with("menuentry_id_option");
    let at = words.iter().position(|word| marker(&word));
    let id = at.and_then(|at| words.get(at + 1)).filter(|id| *id != "{").cloned();
    let kind = if words[0] == "submenu" {
        ItemKind::Submenu(Vec::new())
    } else {
        ItemKind::Entry { linux: None, body: Vec::new() }
    };
    Item { title, id, kind }
}

fn close(cfg: &mut GrubCfg, open: &mut Vec<Open>) {
    let Some(Open::Item(done)) = open.pop() else { return };
    let parent = open.iter_mut().rev().find_map(|o| match o {
        Open::Item(Item { kind: ItemKind::Submenu(items), .. }) => Some(items),
        Open::Item(_) | Open::Other => None,
    });
    parent.unwrap_or(&mut cfg.items).push(done);
}

/// Splits a line as the script language does, without expanding variables.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '#' if word.is_none() => break,
            '\'' => {
                let into = word.get_or_insert_default();
                into.extend(chars.by_ref().take_while(|&c| c != '\''));
            }
            '"' => {
                let into = word.get_or_insert_default();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => into.extend(chars.next()),
                        c => into.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() || c == ';' => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_in_a_shell() {
        assert_eq!(
            split(r#"menuentry 'Debian GNU/Linux, with "x"' --id a\ b "c d"{ # no"#),
            ["menuentry", "Debian GNU/Linux, with \"x\"", "--id", "a b", "c d{", "#", "no"]
                .map(str::to_owned)[..5]
        );
        assert_eq!(split("   # nothing"), Vec::<String>::new());
        assert_eq!(split("a;b"), ["a", "b"]);
    }

    #[test]
    fn submenus_functions_and_conditions_nest() {
        let cfg = parse(
            "function f {\n  if x; then\n    set default=\"1>2\"\n  fi\n}\n\
             if [ -s $prefix/grubenv ]; then\n  load_env\nfi\n\
             if [ \"${next_entry}\" ] ; then\n  set default=\"${next_entry}\"\n  \
             set next_entry=\n  save_env next_entry\nelse\n  set default=\"${saved_entry}\"\nfi\n\
             submenu 'More' $menuentry_id_option 'more' {\n\
             menuentry 'One' --class x $menuentry_id_option 'one' {\n\
             linux /vmlinuz-1 ro quiet\n initrd /i\n}\n}\n\
             menuentry 'Two' {\n linux /vmlinuz-2\n}\n",
        );
        assert!(cfg.default_is_saved() && cfg.honours_once && !cfg.entry_files);
        let ItemKind::Submenu(inner) = &cfg.items[0].kind else { panic!("{cfg:?}") };
        assert_eq!(inner[0].id.as_deref(), Some("one"));
        let linux = Some(("/vmlinuz-1".to_owned(), "ro quiet".to_owned()));
        let body = vec!["linux /vmlinuz-1 ro quiet".to_owned(), " initrd /i".to_owned()];
        assert_eq!(inner[0].kind, ItemKind::Entry { linux, body });
        assert_eq!((cfg.items[1].title.as_str(), &cfg.items[1].id), ("Two", &None));
    }
}
