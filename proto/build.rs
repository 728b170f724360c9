//! Compiles `wavegate/v1/*.proto` without `protoc`.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

const FILES: [&str; 6] = [
    "wavegate/v1/types.proto",
    "wavegate/v1/waiting.proto",
    "wavegate/v1/rollout.proto",
    "wavegate/v1/agent.proto",
    "wavegate/v1/view.proto",
    "wavegate/v1/operator.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let set = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("wavegate.v1.bin"), set.encode_to_vec())?;
    tonic_prost_build::configure()
        .btree_map(".")
        .codec_path("crate::codec::SmallCodec")
        .compile_fds(set)?;
    Ok(())
}
