//! `picollect token`: who may do what.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use picollect_collector::tokens::{Grant, Listed, Scope, Tokens, listed};
use picollect_config::ConfigOptions;
use picollect_config::store_spec::DataOptions;
use picollect_settings::exit::Failure;
use picollect_settings::output::say;
use picollect_telemetry::foreign::printable;
use serde_json::json;

use crate::output_format::TextOrJson;

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once
    #[command(after_help = "Examples:\n  picollect token create --name grafana --scope read\n  \
                            picollect token create --name scheduler --scope run\n  \
                            picollect token create --name pi-1 --scope write,run --node pi-1")]
    Create {
        /// Where the tokens are.
        #[command(flatten)]
        place: Place,
        /// What to call it
        #[arg(long)]
        name: String,
        /// What it allows; several are separated by commas
        #[arg(long = "scope", value_enum, value_delimiter = ',', required = true)]
        scopes: Vec<Scope>,
        /// Only this node's samples may be written with it
        #[arg(long, value_name = "NAME")]
        node: Option<String>,
    },
    /// Make a one-time code with which a node joins, valid for 15 minutes
    #[command(after_help = "Examples:\n  picollect token code\n  picollect token code --valid 2d\n\n\
                            Then, on the node:\n  picollect-agent join http://HEAD-NODE:8650")]
    Code {
        /// Where the tokens are.
        #[command(flatten)]
        place: Place,
        /// For so long, such as 2d, in place of 15 minutes: for a card that is written now; 7d at most
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        valid: Option<Duration>,
    },
    /// The tokens: what each allows, but not its text, which nobody knows any more
    List {
        /// Where the tokens are.
        #[command(flatten)]
        place: Place,
        /// Text or what else.
        #[command(flatten)]
        format: TextOrJson,
    },
    /// End a token, at once
    Revoke {
        /// Where the tokens are.
        #[command(flatten)]
        place: Place,
        /// What it is called
        name: String,
    },
}

/// Where the tokens are: in the data directory, or where the configuration says.
#[derive(Debug, Clone, Args)]
pub struct Place {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    config: ConfigOptions,
}

impl Place {
    /// The data directory.
    pub(crate) fn directory(&self) -> Result<PathBuf, Failure> {
        Ok(self.data.path()?)
    }

    pub(crate) fn tokens(&self) -> Result<Tokens, Failure> {
        let data = self.directory()?;
        let config = self.config.read(&data)?;
        Ok(config.tokens.map_or_else(|| Tokens::of(&data), Tokens::at))
    }
}

/// Carries a command out. A token or a code that could not be shown is taken back: nobody knows it.
pub(crate) fn execute(command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create { place, name, scopes, node } => {
            let tokens = place.tokens()?;
            let token = tokens.create(&name, &scopes, node.as_deref())?;
            if let Err(error) = say(&format!("{token}\n")) {
                tokens.revoke(&name)?;
                return Err(error.into());
            }
            Ok(())
        }
        TokenCommand::Code { place, valid } => {
            let tokens = place.tokens()?;
            let code = valid.map_or_else(|| tokens.code(), |valid| tokens.code_for(valid))?;
            if let Err(error) = say(&format!("{code}\n")) {
                tokens.forget_code(&code)?;
                return Err(error.into());
            }
            Ok(())
        }
        TokenCommand::List { place, format } => {
            let tokens = place.tokens()?.list()?;
            Ok(say(&if format.is_json() { as_json(&tokens)? } else { as_table(&tokens) })?)
        }
        TokenCommand::Revoke { place, name } => Ok(place.tokens()?.revoke(&name)?),
    }
}

fn as_table(tokens: &[Listed]) -> String {
    let mut text = format!("{:<24} {:<18} {:<16} {}\n", "NAME", "SCOPE", "NODE", "MADE");
    for Listed { grant: Grant { name, scopes, node }, created, is_older } in tokens {
        let node = node.as_deref().unwrap_or("any");
        let node = if scopes.contains(&Scope::Write) { node } else { "-" };
        let until = *is_older && scopes.contains(&Scope::Run);
        let limit = if until { "; runs until the next release only" } else { "" };
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:<24} {:<18} {:<16} {}{limit}",
            printable(name),
            listed(scopes),
            printable(node),
            printable(created)
        );
    }
    text
}

fn as_json(tokens: &[Listed]) -> Result<String, serde_json::Error> {
    let one = |Listed { grant: Grant { name, scopes, node }, created, is_older }: &Listed| json!({ "name": name, "scopes": scopes, "node": node, "created": created, "older": is_older });
    Ok(serde_json::to_string_pretty(&tokens.iter().map(one).collect::<Vec<_>>())? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_each_token_allows_and_steers_no_terminal() {
        let token = |name: &str, scopes: &[Scope], node: Option<&str>, is_older| Listed {
            grant: Grant {
                name: name.to_owned(),
                scopes: scopes.to_vec(),
                node: node.map(ToOwned::to_owned),
            },
            created: "2026-11-23T14:11:57.043Z".to_owned(),
            is_older,
        };
        let tokens = [
            token("agents", &[Scope::Write, Scope::Run], None, true),
            token("joined pi-1", &[Scope::Write], Some("pi-1"), true),
            token("graf\u{1b}[31mana", &[Scope::Read], None, false),
        ];
        let text = as_table(&tokens);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "agents                   write, run         any              2026-11-23T14:11:57.043Z; runs until the next \
             release only"
        );
        assert_eq!(
            lines[2],
            "joined pi-1              write              pi-1             2026-11-23T14:11:57.043Z"
        );
        assert!(lines[3].contains(" read               -  ") && !text.contains('\u{1b}'), "{text:?}");
        let json: serde_json::Value = serde_json::from_str(&as_json(&tokens).unwrap()).unwrap();
        assert_eq!(json[0]["scopes"], json!(["write", "run"]));
        assert_eq!((&json[2]["node"], &json[1]["older"]), (&json!(null), &json!(true)));
    }
}
