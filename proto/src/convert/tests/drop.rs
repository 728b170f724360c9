//! Takes every single field out of an encoded message, at every depth, and looks at what reading
//! says.
//!
//! Which losses must be refused follows from the compiled `.proto` files: a message, an enum, an
//! id or the kind of a choice that is not optional. Numbers, flags and texts may be zero, so
//! their absence cannot be told.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost::bytes::Buf as _;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

static MESSAGES: LazyLock<HashMap<String, DescriptorProto>> = LazyLock::new(|| {
    let set = FileDescriptorSet::decode(crate::DESCRIPTOR).unwrap();
    let mut all = HashMap::new();
    for file in set.file {
        let package = format!(".{}", file.package());
        file.message_type.into_iter().for_each(|message| add(&mut all, &package, message));
    }
    all
});

fn add(all: &mut HashMap<String, DescriptorProto>, scope: &str, message: DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    message.nested_type.iter().for_each(|inner| add(all, &name, inner.clone()));
    all.insert(name, message);
}

/// One field of an encoded message.
struct Part {
    number: u32,
    wire_type: WireType,
    /// The payload of a length-delimited field, the whole value of another.
    value: Vec<u8>,
}

fn parts(mut bytes: &[u8]) -> Vec<Part> {
    let mut out = Vec::new();
    while bytes.has_remaining() {
        let (number, wire_type) = decode_key(&mut bytes).unwrap();
        let length = match wire_type {
            WireType::LengthDelimited => {
                usize::try_from(decode_varint(&mut bytes).unwrap()).unwrap()
            }
            WireType::Varint => bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1,
            WireType::ThirtyTwoBit => 4,
            WireType::SixtyFourBit => 8,
            other => panic!("{other:?} is not used"),
        };
        let (value, rest) = bytes.split_at(length);
        out.push(Part { number, wire_type, value: value.to_vec() });
        bytes = rest;
    }
    out
}

fn joined(parts: &[Part], without: usize, instead: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let value = match (i == without, instead) {
            (true, None) => continue,
            (true, Some(value)) => value,
            (false, _) => &part.value,
        };
        encode_key(part.number, part.wire_type, &mut out);
        if part.wire_type == WireType::LengthDelimited {
            encode_varint(value.len() as u64, &mut out);
        }
        out.extend_from_slice(value);
    }
    out
}

fn must_be_there(field: &FieldDescriptorProto) -> bool {
    let optional = field.proto3_optional();
    let choice = field.oneof_index.is_some() && !optional;
    let telling = matches!(field.r#type(), Type::Message | Type::Enum | Type::Bytes);
    field.label() != Label::Repeated && !optional && (choice || telling)
}

/// Takes out every field in turn; `read` gives the path of the field that it complains about.
pub(super) fn every_loss_is_named(
    message: &str,
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<(), String>,
) {
    let name = format!(".wavegate.v1.{message}");
    losses(&name, bytes, &|bytes| bytes.to_vec(), &read);
}

fn losses(
    message: &str,
    bytes: &[u8],
    around: &dyn Fn(&[u8]) -> Vec<u8>,
    read: &dyn Fn(&[u8]) -> Result<(), String>,
) {
    let descriptor = &MESSAGES[message];
    let all = parts(bytes);
    for (i, part) in all.iter().enumerate() {
        let number = i32::try_from(part.number).unwrap();
        let field = descriptor.field.iter().find(|field| field.number() == number).unwrap();
        if must_be_there(field) {
            let said = read(&around(&joined(&all, i, None)));
            let Err(path) = said else { panic!("nobody misses {message}.{}", field.name()) };
            let choice = field.oneof_index.is_some();
            assert!(choice || path.ends_with(field.name()), "{message}.{}: {path}", field.name());
        }
        if field.r#type() == Type::Message {
            let rewrap = |inner: &[u8]| around(&joined(&all, i, Some(inner)));
            losses(field.type_name(), &part.value, &rewrap, read);
        }
    }
}
