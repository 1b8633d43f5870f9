//! A bounded pull reader over XML: elements one by one, never more in memory than one value.
//!
//! Namespaces are not resolved: elements are known by their local name, as yum's readers do.
//! A document type declaration is refused, so there are no entities but XML's own five.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};
use std::mem;

use quick_xml::Error as XmlError;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use crate::error::{Error, Result, shortened};

/// Elements within elements; the documents need five.
const DEPTH: usize = 32;

/// The reader. `document` is the name used in errors.
pub(crate) struct Pull<R: BufRead> {
    reader: Reader<Metered<R>>,
    buffer: Vec<u8>,
    document: String,
    depth: usize,
    value_limit: usize,
}

enum Token<'b> {
    Open(BytesStart<'b>),
    Text(Cow<'b, str>),
    Character(char),
    Close,
    Ignored,
    End,
}

impl<R: BufRead> Pull<R> {
    /// `value_limit` bounds one tag and one element's text, in bytes.
    pub fn new(reader: R, document: &str, value_limit: usize) -> Self {
        let mut reader = Reader::from_reader(Metered {
            inner: reader,
            left: 0,
        });
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            document: document.to_owned(),
            depth: 0,
            value_limit,
        }
    }

    pub fn document(&self) -> &str {
        &self.document
    }

    /// The document's first element, whose local name must be `expected`.
    pub fn root(&mut self, expected: &'static str) -> Result<Tag> {
        let Some(tag) = self.child()? else {
            return Err(self.broken("there is no element at all"));
        };
        if tag.name() != expected {
            let found = shortened(tag.name());
            return Err(Error::WrongRoot {
                document: self.document.clone(),
                expected,
                found,
            });
        }
        Ok(tag)
    }

    /// The next child of the element last opened, or `None` at that element's end. The child must
    /// be read to its end ([`Self::text`], [`Self::skip`] or its own children) before the next.
    pub fn child(&mut self) -> Result<Option<Tag>> {
        let mut buffer = mem::take(&mut self.buffer);
        let child = loop {
            match self.step(&mut buffer)? {
                Token::Open(tag) => break Some(Tag(tag.into_owned())),
                Token::Close | Token::End => break None,
                Token::Text(_) | Token::Character(_) | Token::Ignored => {}
            }
        };
        self.buffer = buffer;
        Ok(child)
    }

    /// The text of the element last opened, to its end; children's text counts, too.
    pub fn text(&mut self) -> Result<String> {
        let outside = self.depth.saturating_sub(1);
        let mut buffer = mem::take(&mut self.buffer);
        let mut text = String::new();
        while self.depth > outside {
            match self.step(&mut buffer)? {
                Token::Text(part) => text.push_str(&part),
                Token::Character(character) => text.push(character),
                Token::Open(_) | Token::Close | Token::Ignored | Token::End => {}
            }
            if text.len() > self.value_limit {
                return Err(self.value_too_large());
            }
        }
        self.buffer = buffer;
        Ok(text)
    }

    /// Passes over the rest of the element last opened.
    pub fn skip(&mut self) -> Result<()> {
        let outside = self.depth.saturating_sub(1);
        let mut buffer = mem::take(&mut self.buffer);
        while self.depth > outside {
            self.step(&mut buffer)?;
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Reads to the end of the document, which must hold no second root, and gives the reader back.
    pub fn finish(mut self) -> Result<R> {
        let mut buffer = mem::take(&mut self.buffer);
        loop {
            match self.step(&mut buffer)? {
                Token::End => return Ok(self.reader.into_inner().inner),
                Token::Open(_) => return Err(self.broken("there is a second root element")),
                Token::Text(_) | Token::Character(_) | Token::Close | Token::Ignored => {}
            }
        }
    }

    /// Reads one event. Its bytes are in `buffer`, which is emptied first.
    fn step<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<Token<'b>> {
        buffer.clear();
        self.reader.get_mut().left = self.value_limit;
        let event = self
            .reader
            .read_event_into(buffer)
            .map_err(|error| self.failure(error))?;
        Ok(match event {
            Event::Start(_) if self.depth == DEPTH => {
                return Err(self.broken("its elements are nested too deeply"));
            }
            Event::Start(tag) => {
                self.depth += 1;
                Token::Open(tag)
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Token::Close
            }
            Event::Text(text) => Token::Text(text.xml10_content()),
            Event::CData(text) => Token::Text(text.xml10_content()),
            Event::GeneralRef(reference) => self.resolve(&reference)?,
            Event::DocType(_) => return Err(self.broken("it declares a document type")),
            Event::Eof if self.depth > 0 => return Err(self.broken("it ends inside an element")),
            Event::Eof => Token::End,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_) => Token::Ignored,
        })
    }

    fn resolve<'b>(&self, reference: &BytesRef<'_>) -> Result<Token<'b>> {
        if let Some(character) = reference.resolve_char_ref().map_err(|e| self.failure(e))? {
            return Ok(Token::Character(character));
        }
        match resolve_predefined_entity(reference) {
            Some(text) => Ok(Token::Text(Cow::Borrowed(text))),
            None => Err(self.broken("it refers to an entity that XML does not define")),
        }
    }

    fn failure(&self, error: XmlError) -> Error {
        match &error {
            XmlError::Io(source) if Limit::of(source) == Some(Limit::Value) => {
                self.value_too_large()
            }
            XmlError::Io(source) => Error::reading(&self.document, source),
            _ => self.broken(&error.to_string()),
        }
    }

    fn broken(&self, why: &str) -> Error {
        Error::Xml {
            document: self.document.clone(),
            position: self.reader.buffer_position(),
            why: shortened(why),
        }
    }

    fn value_too_large(&self) -> Error {
        Error::TooLarge {
            document: self.document.clone(),
            what: "bytes in one value",
            limit: self.value_limit as u64,
        }
    }
}

/// The start of an element.
pub(crate) struct Tag(BytesStart<'static>);

impl Tag {
    /// Without namespace prefix.
    pub fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// The attribute of exactly this name. Attributes that are no XML count as absent.
    pub fn attribute(&self, name: &str) -> Option<String> {
        // Without the check for repeated names, which would cost n² on a hostile tag.
        let mut attributes = self.0.attributes();
        attributes.with_checks(false);
        let found = attributes
            .flatten()
            .find(|attribute| attribute.key.as_ref() == name)?;
        Some(
            found
                .normalized_value(XmlVersion::Implicit1_0)
                .ok()?
                .into_owned(),
        )
    }
}

/// Why a reader below [`Pull`] refused to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Limit {
    #[error("a value is too long")]
    Value,
    #[error("the document is longer than {bytes} bytes")]
    Open { bytes: u64 },
}

impl Limit {
    /// The limit behind an I/O error, if it is one.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

/// Lends at most `left` more bytes: what bounds the memory of one event.
struct Metered<R> {
    inner: R,
    left: usize,
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let lent = self.fill_buf()?;
        let length = lent.len().min(out.len());
        out[..length].copy_from_slice(&lent[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let lent = self.inner.fill_buf()?;
        if lent.is_empty() {
            return Ok(lent);
        }
        if self.left == 0 {
            return Err(io::Error::other(Limit::Value));
        }
        Ok(&lent[..lent.len().min(self.left)])
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        self.inner.consume(amount);
    }
}
