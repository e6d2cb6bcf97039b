//! JSON values for the tests and the fuzz target, which have no Python's objects.

use std::vec::Drain;

use iron_session_speedups::json::{read, Build, Output, Scalar};

#[derive(Debug, PartialEq)]
pub enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

struct Trees;

impl Build for Trees {
    type Value = Tree;

    fn scalar(&mut self, scalar: Scalar<'_>) -> Option<Tree> {
        Some(match scalar {
            Scalar::Null => Tree::Null,
            Scalar::Bool(value) => Tree::Bool(value),
            Scalar::Int(value) => Tree::Int(value),
            Scalar::Float(value) => Tree::Float(value),
            Scalar::Text(value) => Tree::Text(value.to_owned()),
        })
    }

    fn list(&mut self, items: Drain<'_, Tree>) -> Option<Tree> {
        Some(Tree::List(items.collect()))
    }

    fn object(&mut self, mut members: Drain<'_, Tree>) -> Option<Tree> {
        let mut object: Vec<(String, Tree)> = Vec::new();
        while let Some(key) = members.next() {
            let Tree::Text(key) = key else { panic!("a key is no text: {key:?}") };
            let value = members.next().expect("a key has a value");
            match object.iter_mut().find(|(other, _)| *other == key) {
                Some((_, before)) => *before = value,
                None => object.push((key, value)),
            }
        }
        Some(Tree::Object(object))
    }
}

pub fn read_tree(raw: &[u8]) -> Option<Tree> {
    read(raw, &mut Trees)
}

impl Tree {
    pub fn write(&self) -> Output {
        let mut output = Output::default();
        self.write_to(&mut output);
        output
    }

    fn write_to(&self, output: &mut Output) {
        match self {
            Self::Null => output.push(b"null"),
            Self::Bool(value) => output.push(value.to_string().as_bytes()),
            Self::Int(value) => output.push_int(*value),
            Self::Float(value) => output.push(format!("{value:e}").as_bytes()),
            Self::Text(value) => output.push_text(value),
            Self::List(items) => {
                output.push(b"[");
                for item in items {
                    output.separate();
                    item.write_to(output);
                }
                output.push(b"]");
            }
            Self::Object(members) => {
                output.push(b"{");
                for (key, value) in members {
                    output.separate();
                    output.push_text(key);
                    output.push(b":");
                    value.write_to(output);
                }
                output.push(b"}");
            }
        }
    }
}
