//! `wavegate-agent facts`

use serde::Serialize;
use wavegate_common::{BootId, Facts, HostClass, KernelRelease};

use super::Exit;
use super::output::{Output, print_json};
use crate::observe::{boot_facts, facts, installed_kernels};
use crate::root::Root;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// In which form
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    /// The workload, as the `role` label of the configuration says it
    #[arg(long, value_name = "ROLE")]
    workload: Option<String>,
}

#[derive(Debug, Serialize)]
struct Told {
    class: HostClass,
    kernel: KernelRelease,
    boot_id: BootId,
    installed: Vec<KernelRelease>,
    facts: Facts,
}

pub(super) fn run(args: &Args, root: &Root) -> anyhow::Result<Exit> {
    let (facts, boot) = (facts(root), boot_facts(root)?);
    let told = Told {
        class: facts.class(args.workload.as_deref()),
        kernel: boot.kernel,
        boot_id: boot.boot_id,
        installed: installed_kernels(root),
        facts,
    };
    if args.output == Output::Json {
        print_json(&told)?;
        return Ok(Exit::Well);
    }
    let Told { class, kernel, boot_id, installed, facts } = told;
    let installed: Vec<&str> = installed.iter().map(KernelRelease::as_str).collect();
    for (name, value) in [
        ("class", class.to_string()),
        ("kernel", kernel.to_string()),
        ("boot id", boot_id.to_string()),
        ("installed", installed.join(", ")),
        ("vendor", facts.vendor),
        ("product", facts.product),
        ("firmware", facts.firmware),
        ("cpu", facts.cpu),
        ("cpus", facts.cpus.to_string()),
        ("memory", format!("{} MiB", facts.memory_mib)),
        ("nic drivers", facts.nic_drivers.join(", ")),
        ("disk drivers", facts.disk_drivers.join(", ")),
        ("foreign modules", facts.foreign_modules.join(", ")),
    ] {
        println!("{name:<16} {}", if value.is_empty() { "-" } else { &value });
    }
    Ok(Exit::Well)
}
