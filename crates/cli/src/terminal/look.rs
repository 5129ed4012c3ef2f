//! What the terminal can show, by the environment.

use std::io::{self, IsTerminal};

use super::pictures::Protocol;

/// How many colours text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Colours {
    None,
    /// The terminal's own eight, bright or not.
    Named,
    /// A palette of 256.
    Palette,
    /// Any.
    All,
}

/// What output may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether a person reads it, on a terminal.
    pub is_terminal: bool,
    pub colours: Colours,
    /// Whether paths are links (OSC 8).
    pub links: bool,
    /// How real pictures are shown, if the environment says that they can be.
    pub pictures: Option<Protocol>,
    /// Whether it is worth asking the terminal if it shows pictures.
    pub(super) is_unknown: bool,
}

impl Look {
    /// Plain text, as it goes into pipes and files.
    pub const PLAIN: Self =
        Self { is_terminal: false, colours: Colours::None, links: false, pictures: None, is_unknown: false };

    /// What standard output can show.
    pub fn of_stdout() -> Self {
        let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        // An old console, or one that has to be told first, which this does.
        #[cfg(windows)]
        if io::stdout().is_terminal() && !crossterm::ansi_support::supports_ansi() {
            return Self { is_terminal: true, ..Self::PLAIN };
        }
        Self::of(&variable, io::stdout().is_terminal())
    }

    /// What a terminal can show in an environment. A variable that is set to nothing counts as unset.
    fn of(variable: &dyn Fn(&str) -> Option<String>, is_terminal: bool) -> Self {
        let environment = Environment { variable };
        if !is_terminal {
            let colours = if environment.forces_colours() { environment.colours() } else { Colours::None };
            return Self { colours, ..Self::PLAIN };
        }
        let pictures = environment.pictures();
        Self {
            is_terminal,
            colours: environment.colours(),
            links: environment.links(),
            pictures,
            is_unknown: pictures.is_none() && environment.is_worth_asking(),
        }
    }

    /// How real pictures are shown; asks the terminal if nothing else tells.
    pub fn real_pictures(&self) -> Option<Protocol> {
        #[cfg(unix)]
        if self.is_unknown && super::probe::shows_sixels() {
            return Some(Protocol::Sixel);
        }
        self.pictures
    }

    /// How pictures are made of characters where there are no real ones.
    pub fn block_pictures(&self) -> Option<Protocol> {
        match self.colours {
            Colours::All => Some(Protocol::Blocks { is_true_colour: true }),
            Colours::Palette => Some(Protocol::Blocks { is_true_colour: false }),
            Colours::Named | Colours::None => None,
        }
    }
}

/// The variables by which terminals can be told apart.
struct Environment<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Environment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    fn term(&self) -> String {
        self.get("TERM").unwrap_or_default()
    }

    fn term_is(&self, names: &[&str]) -> bool {
        let term = self.term();
        names.iter().any(|name| term == *name || term.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')))
    }

    /// Whether a program stands between this one and the terminal, which keeps lines and knows nothing of pictures.
    fn is_multiplexed(&self) -> bool {
        ["TMUX", "STY", "ZELLIJ"].iter().any(|name| self.has(name)) || self.term_is(&["tmux", "screen"])
    }

    /// <https://bixense.com/clicolors/>
    fn forces_colours(&self) -> bool {
        self.get("CLICOLOR_FORCE").is_some_and(|value| value != "0")
    }

    fn colours(&self) -> Colours {
        // <https://no-color.org/>
        if self.has("NO_COLOR") {
            return Colours::None;
        }
        let is_off = self.is("CLICOLOR", "0") || self.term_is(&["dumb"]);
        if is_off && !self.forces_colours() {
            return Colours::None;
        }
        let is_true = self.is("COLORTERM", "truecolor") || self.is("COLORTERM", "24bit");
        if is_true || self.term().ends_with("-direct") || self.is_modern() {
            Colours::All
        } else if self.term().contains("256color") {
            Colours::Palette
        } else {
            Colours::Named
        }
    }

    /// Terminals that have had all colours and links for as long as they are told apart by these variables.
    fn is_modern(&self) -> bool {
        if self.is_multiplexed() {
            return false;
        }
        let programs = ["iTerm.app", "WezTerm", "ghostty", "vscode", "rio", "mintty", "WarpTerminal"];
        programs.iter().any(|name| self.is("TERM_PROGRAM", name))
            || ["KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION"].iter().any(|name| self.has(name))
            || self.term_is(&["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "contour", "rio", "wezterm"])
            || self.number("VTE_VERSION").is_some_and(|version| version >= 5000)
    }

    fn links(&self) -> bool {
        // A convention of libraries that write links.
        if let Some(forced) = self.get("FORCE_HYPERLINK") {
            return forced != "0";
        }
        if self.term_is(&["dumb"]) {
            return false;
        }
        if self.is("TERM_PROGRAM", "tmux") {
            // The first version that passes links on.
            let version = self.get("TERM_PROGRAM_VERSION").unwrap_or_default();
            let number = version.trim_end_matches(|c: char| c.is_alphabetic()).parse();
            return number.is_ok_and(|number: f64| number >= 3.4);
        }
        self.is_modern() && !self.is("TERM_PROGRAM", "WarpTerminal")
    }

    fn pictures(&self) -> Option<Protocol> {
        if self.is_multiplexed() || self.term_is(&["dumb"]) {
            return None;
        }
        let program = |names: &[&str]| names.iter().any(|name| self.is("TERM_PROGRAM", name));
        if self.has("KITTY_WINDOW_ID")
            || self.term_is(&["xterm-kitty", "xterm-ghostty"])
            || program(&["ghostty", "WarpTerminal"])
        {
            Some(Protocol::Kitty)
        } else if program(&["iTerm.app", "WezTerm", "mintty", "rio"]) || self.is("LC_TERMINAL", "iTerm2") {
            Some(Protocol::Iterm)
        } else if self.term_is(&["foot", "contour", "mlterm", "yaft-256color"])
            || self.has("MLTERM")
            || self.number("KONSOLE_VERSION").is_some_and(|version| version >= 220_400)
        {
            Some(Protocol::Sixel)
        } else {
            None
        }
    }

    /// Whether a terminal that shows sixels may be behind these variables, and one that answers.
    fn is_worth_asking(&self) -> bool {
        let term = self.term();
        !self.is_multiplexed() && ["xterm", "vt", "rxvt", "st"].iter().any(|name| term.starts_with(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(variables: &[(&str, &str)]) -> Look {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Look::of(&find, true)
    }

    #[test]
    fn pictures_by_terminal() {
        for (variables, expected) in [
            (&[("TERM", "xterm-kitty")][..], Some(Protocol::Kitty)),
            (&[("TERM", "xterm-256color"), ("KITTY_WINDOW_ID", "1")], Some(Protocol::Kitty)),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "ghostty")], Some(Protocol::Kitty)),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")], Some(Protocol::Iterm)),
            (&[("TERM", "xterm-256color"), ("LC_TERMINAL", "iTerm2")], Some(Protocol::Iterm)),
            (&[("TERM", "foot")], Some(Protocol::Sixel)),
            (&[("TERM", "foot-extra")], Some(Protocol::Sixel)),
            (&[("TERM", "footloose")], None),
            (&[("TERM", "xterm-256color"), ("KONSOLE_VERSION", "220401")], Some(Protocol::Sixel)),
            (&[("TERM", "xterm-256color"), ("KONSOLE_VERSION", "200401")], None),
            (&[("TERM", "xterm-256color"), ("VTE_VERSION", "7200")], None),
            (&[("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1"), ("TMUX", "/s")], None),
            (&[("TERM", "screen"), ("TERM_PROGRAM", "iTerm.app")], None),
            (&[("TERM", "dumb"), ("TERM_PROGRAM", "vscode")], None),
            (&[], None),
        ] {
            assert_eq!(look(variables).pictures, expected, "{variables:?}");
        }
    }

    #[test]
    fn only_a_terminal_that_may_have_them_is_asked() {
        assert!(look(&[("TERM", "xterm-256color")]).is_unknown);
        for variables in [
            &[("TERM", "xterm-kitty")][..],
            &[("TERM", "xterm"), ("TMUX", "x")],
            &[("TERM", "screen.xterm")],
            &[("TERM", "dumb")],
            &[("TERM", "linux")],
            &[],
        ] {
            assert!(!look(variables).is_unknown, "{variables:?}");
        }
    }

    #[test]
    fn colours_as_they_are_wanted() {
        for (variables, expected) in [
            (&[("TERM", "xterm")][..], Colours::Named),
            (&[("TERM", "xterm-256color")], Colours::Palette),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Colours::All),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("NO_COLOR", "1")], Colours::None),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], Colours::Named),
            (&[("TERM", "xterm"), ("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], Colours::None),
            (&[("TERM", "xterm"), ("CLICOLOR", "0")], Colours::None),
            (&[("TERM", "dumb")], Colours::None),
            (&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], Colours::Named),
        ] {
            assert_eq!(look(variables).colours, expected, "{variables:?}");
        }
    }

    #[test]
    fn a_pipe_is_plain_unless_colours_are_forced() {
        let piped = |variables: &'static [(&str, &str)]| {
            Look::of(
                &|name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
                false,
            )
        };
        assert_eq!(piped(&[("TERM", "xterm-kitty"), ("COLORTERM", "truecolor")]), Look::PLAIN);
        assert_eq!(piped(&[("TERM", "xterm-kitty"), ("CLICOLOR_FORCE", "0")]), Look::PLAIN);
        let forced = piped(&[("TERM", "xterm"), ("CLICOLOR_FORCE", "1")]);
        assert_eq!(forced, Look { colours: Colours::Named, ..Look::PLAIN });
    }

    #[test]
    fn links_where_they_are_known() {
        for (variables, expected) in [
            (&[("TERM", "xterm-kitty")][..], true),
            (&[("TERM", "xterm-256color"), ("VTE_VERSION", "7200")], true),
            (&[("TERM", "xterm-256color"), ("VTE_VERSION", "4402")], false),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal")], false),
            (&[("TERM", "tmux-256color"), ("TERM_PROGRAM", "tmux"), ("TERM_PROGRAM_VERSION", "3.4")], true),
            (&[("TERM", "tmux-256color"), ("TERM_PROGRAM", "tmux"), ("TERM_PROGRAM_VERSION", "3.3a")], false),
            (&[("TERM", "screen"), ("VTE_VERSION", "7200")], false),
            (&[("TERM", "xterm"), ("FORCE_HYPERLINK", "1")], true),
            (&[("TERM", "xterm-kitty"), ("FORCE_HYPERLINK", "0")], false),
        ] {
            assert_eq!(look(variables).links, expected, "{variables:?}");
        }
    }
}
