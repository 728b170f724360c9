//! The wire as text, so that a change of it is seen.

use std::fmt::Write as _;
use std::fs;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wavegate/v1/wire.golden");

fn kind(field: &FieldDescriptorProto) -> String {
    let name = field.type_name().trim_start_matches(".wavegate.v1.").to_owned();
    let base = match field.r#type() {
        Type::Message | Type::Enum => name,
        other => other.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    if field.label() == Label::Repeated {
        format!("repeated {base}")
    } else if field.proto3_optional() {
        format!("optional {base}")
    } else if field.oneof_index.is_some() {
        format!("oneof {base}")
    } else {
        base
    }
}

fn enumeration(out: &mut String, scope: &str, set: &EnumDescriptorProto) {
    writeln!(out, "enum {scope}{}", set.name()).unwrap();
    for value in &set.value {
        writeln!(out, "  {} {}", value.number(), value.name()).unwrap();
    }
}

fn message(out: &mut String, scope: &str, of: &DescriptorProto) {
    let name = format!("{scope}{}", of.name());
    writeln!(out, "message {name}").unwrap();
    for field in &of.field {
        writeln!(out, "  {} {} {}", field.number(), field.name(), kind(field)).unwrap();
    }
    of.nested_type.iter().for_each(|inner| message(out, &format!("{name}."), inner));
    of.enum_type.iter().for_each(|inner| enumeration(out, &format!("{name}."), inner));
}

fn text() -> String {
    let set = FileDescriptorSet::decode(crate::DESCRIPTOR).unwrap();
    let mut out = String::new();
    for file in &set.file {
        writeln!(out, "file {} package {}", file.name(), file.package()).unwrap();
        for service in &file.service {
            writeln!(out, "service {}", service.name()).unwrap();
            for method in &service.method {
                let plain = |name: &str| name.trim_start_matches(".wavegate.v1.").to_owned();
                let stream = |is: bool| if is { "stream " } else { "" };
                writeln!(
                    out,
                    "  {} ({}{}) {}{}",
                    method.name(),
                    stream(method.client_streaming()),
                    plain(method.input_type()),
                    stream(method.server_streaming()),
                    plain(method.output_type()),
                )
                .unwrap();
            }
        }
        file.message_type.iter().for_each(|inner| message(&mut out, "", inner));
        file.enum_type.iter().for_each(|inner| enumeration(&mut out, "", inner));
    }
    out
}

#[test]
fn the_wire_is_what_it_was() {
    let now = text();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(GOLDEN, &now).unwrap();
    }
    let then = fs::read_to_string(GOLDEN).unwrap_or_default();
    let changed = now.lines().zip(then.lines()).find(|(now, then)| now != then);
    assert!(
        now == then,
        "the wire has changed, first at {changed:?}: agents in the field speak the old one. If \
         only new fields, messages or methods came in, run `UPDATE=1 cargo test -p wavegate-proto \
         golden` and look at the difference"
    );
}
