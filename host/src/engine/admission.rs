//! Whether a component has the structure of a model, judged before anything of it is compiled.
//!
//! A model is what `wit-component` makes of the guest: one core module that imports nothing and starts nothing, one
//! component without modules that turns its functions into the exported interface, and that export. All else is
//! refused by its kind, so that what no model needs (imports, start functions, nested modules, lowered host
//! functions) cannot be reached however the compiler treats it.

use wasmparser::{
    CanonicalFunction, ComponentExternalKind, Encoding, FunctionBody, Operator, Parser, Payload, SectionLimited,
    TableInit,
};

use super::limits::ModuleLimits;

/// The one export, without the version's last parts: any 1.x host and guest understand each other.
const EXPORT: &str = "countersign:model/scorer@1.";

/// Why a component is no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionRefused {
    /// The bytes are no component at all.
    #[error("the file is no WebAssembly component: {0}")]
    Malformed(String),
    /// A bound is passed.
    #[error("the module has {count} {what}, at most {count_max} are admitted")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        count: u64,
        /// How much is admitted.
        count_max: u64,
    },
    /// There is not exactly one core module.
    #[error("a model has one core module, this one has {0}")]
    CoreModules(u32),
    /// There is a component inside that is not the one shim, or that holds more than a shim does.
    #[error("a model nests nothing but the shim of its interface")]
    Nested,
    /// It wants something from its host.
    #[error("a model imports nothing, this one imports `{0}`")]
    Import(String),
    /// It would run code before it is called.
    #[error("a model has no start function")]
    Start,
    /// It does not export the scorer interface, or exports something else too.
    #[error("a model exports `countersign:model/scorer@1.0.0` alone, this one exports {0}")]
    Exports(String),
    /// It holds a section or a kind of function that no model needs.
    #[error("a model has no {0}")]
    Kind(&'static str),
}

impl AdmissionRefused {
    /// Gives the stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::CoreModules(_) => "core_modules",
            Self::Nested => "nested",
            Self::Import(_) => "imports",
            Self::Start => "start_function",
            Self::Exports(_) => "exports",
            Self::Kind(_) => "unexpected_section",
        }
    }
}

/// Admits a component by its structure. Its types are the compiler's to check.
///
/// # Errors
/// [`AdmissionRefused`], at the first thing that no model has.
pub fn admit(bytes: &[u8], limits: &ModuleLimits) -> Result<(), AdmissionRefused> {
    within("bytes", bytes.len() as u64, limits.module_bytes_max as u64)?;
    let mut seen =
        Seen { limits, modules: 0, components: 0, custom_sections: 0, entries: 0, blocks: 0, exports: Vec::new() };
    let mut depth: Vec<Place> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(malformed)?;
        match payload {
            Payload::Version { encoding, .. } => {
                let place = match (depth.last(), encoding) {
                    (None, Encoding::Component) => Place::Root,
                    (None, Encoding::Module) => {
                        return Err(AdmissionRefused::Malformed("it is a core module, not a component".to_owned()));
                    }
                    (Some(_), Encoding::Component) => Place::Shim,
                    (Some(_), Encoding::Module) => Place::Module,
                };
                depth.push(place);
            }
            Payload::End(_) => {
                depth.pop();
            }
            payload => match depth.last() {
                Some(Place::Root) => seen.root(&payload)?,
                Some(Place::Shim) => seen.shim(&payload)?,
                Some(Place::Module) => seen.module(&payload)?,
                None => return Err(AdmissionRefused::Malformed("it goes on after its end".to_owned())),
            },
        }
    }
    seen.finish()
}

/// Where the parser stands.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Shim,
    Module,
}

/// What has been met so far.
struct Seen<'a> {
    limits: &'a ModuleLimits,
    modules: u32,
    components: u32,
    custom_sections: u32,
    entries: u32,
    blocks: u64,
    exports: Vec<String>,
}

impl Seen<'_> {
    fn root(&mut self, payload: &Payload<'_>) -> Result<(), AdmissionRefused> {
        match payload {
            Payload::ModuleSection { .. } => self.modules += 1,
            Payload::ComponentSection { .. } => {
                self.components += 1;
                if self.components > 1 {
                    return Err(AdmissionRefused::Nested);
                }
            }
            Payload::ComponentImportSection(section) => return Err(AdmissionRefused::Import(first_import(section)?)),
            Payload::ComponentStartSection { .. } => return Err(AdmissionRefused::Start),
            Payload::ComponentExportSection(section) => {
                self.count(section)?;
                for export in section.clone() {
                    let export = export.map_err(malformed)?;
                    let instance = export.kind == ComponentExternalKind::Instance;
                    let kind = if instance { "" } else { " (no interface)" };
                    self.exports.push(format!("`{}`{kind}", shown(export.name.name)));
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                self.count(section)?;
                for function in section.clone() {
                    if !matches!(function.map_err(malformed)?, CanonicalFunction::Lift { .. }) {
                        return Err(AdmissionRefused::Kind("canonical function but those it exports"));
                    }
                }
            }
            Payload::InstanceSection(section) => self.count(section)?,
            Payload::CoreTypeSection(section) => self.count(section)?,
            Payload::ComponentInstanceSection(section) => self.count(section)?,
            Payload::ComponentAliasSection(section) => self.count(section)?,
            Payload::ComponentTypeSection(section) => self.count(section)?,
            Payload::CustomSection(_) => self.custom()?,
            _ => return Err(AdmissionRefused::Kind("section of unknown kind")),
        }
        Ok(())
    }

    /// The shim holds types, and imports and exports of them and of functions; it computes nothing.
    fn shim(&mut self, payload: &Payload<'_>) -> Result<(), AdmissionRefused> {
        match payload {
            Payload::ComponentTypeSection(section) => self.count(section),
            Payload::ComponentImportSection(section) => self.count(section),
            Payload::ComponentExportSection(section) => self.count(section),
            Payload::ComponentAliasSection(section) => self.count(section),
            Payload::CustomSection(_) => self.custom(),
            _ => Err(AdmissionRefused::Nested),
        }
    }

    fn module(&mut self, payload: &Payload<'_>) -> Result<(), AdmissionRefused> {
        let limits = self.limits;
        match payload {
            Payload::ImportSection(section) => {
                // Imports come in groups that share a module's name; the first import of any group is one too many.
                for imports in section.clone() {
                    if let Some(import) = imports.map_err(malformed)?.into_iter().next() {
                        let (_, import) = import.map_err(malformed)?;
                        let name = format!("{} {}", shown(import.module), shown(import.name));
                        return Err(AdmissionRefused::Import(name));
                    }
                }
                Ok(())
            }
            Payload::StartSection { .. } => Err(AdmissionRefused::Start),
            Payload::TagSection(_) => Err(AdmissionRefused::Kind("exception tags")),
            Payload::FunctionSection(section) => {
                within("functions", u64::from(section.count()), u64::from(limits.functions_max))
            }
            Payload::CodeSectionStart { size, .. } => within("bytes of code", u64::from(*size), limits.code_bytes_max),
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                let bytes = (range.end - range.start) as u64;
                within("bytes in one function", bytes, limits.function_bytes_max)?;
                self.body(body)
            }
            Payload::DataCountSection { count, .. } => {
                within("data segments", u64::from(*count), u64::from(limits.data_segments_max))
            }
            Payload::DataSection(section) => {
                within("data segments", u64::from(section.count()), u64::from(limits.data_segments_max))
            }
            Payload::MemorySection(section) => {
                within("memories", u64::from(section.count()), 1)?;
                for memory in section.clone() {
                    let memory = memory.map_err(malformed)?;
                    within("pages of initial memory", memory.initial, limits.memory_pages_max)?;
                    if memory.shared || memory.memory64 {
                        return Err(AdmissionRefused::Kind("shared or 64-bit memory"));
                    }
                }
                Ok(())
            }
            Payload::TableSection(section) => {
                within("tables", u64::from(section.count()), u64::from(limits.tables_max))?;
                for table in section.clone() {
                    let table = table.map_err(malformed)?;
                    within("elements in a table", table.ty.initial, limits.table_elements_max)?;
                    if !matches!(table.init, TableInit::RefNull) {
                        return Err(AdmissionRefused::Kind("table that starts with a value"));
                    }
                }
                Ok(())
            }
            Payload::TypeSection(section) => self.count(section),
            Payload::GlobalSection(section) => self.count(section),
            Payload::ExportSection(section) => self.count(section),
            Payload::ElementSection(section) => self.count(section),
            Payload::CustomSection(_) => self.custom(),
            _ => Err(AdmissionRefused::Kind("section of unknown kind")),
        }
    }

    /// Bounds what makes a function dear to compile; that the code is valid is the compiler's to check.
    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), AdmissionRefused> {
        let limits = self.limits;
        let mut locals = 0_u64;
        for group in body.get_locals_reader().map_err(malformed)? {
            locals += u64::from(group.map_err(malformed)?.0);
            within("locals in one function", locals, u64::from(limits.locals_max))?;
        }
        let (mut blocks, mut depth) = (0_u64, 0_u64);
        for operator in body.get_operators_reader().map_err(malformed)? {
            match operator.map_err(malformed)? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    (blocks, depth) = (blocks + 1, depth + 1);
                    within("blocks in one function", blocks, u64::from(limits.blocks_max))?;
                    self.blocks += 1;
                    within("blocks", self.blocks, u64::from(limits.all_blocks_max))?;
                    within("blocks in each other", depth, u64::from(limits.nesting_max))?;
                }
                Operator::End => depth = depth.saturating_sub(1),
                Operator::TryTable { .. } => return Err(AdmissionRefused::Kind("exception handlers")),
                _ => {}
            }
        }
        Ok(())
    }

    fn count<T>(&mut self, section: &SectionLimited<'_, T>) -> Result<(), AdmissionRefused> {
        self.entries = self.entries.saturating_add(section.count());
        within("declarations", u64::from(self.entries), u64::from(self.limits.entries_max))
    }

    fn custom(&mut self) -> Result<(), AdmissionRefused> {
        self.custom_sections += 1;
        within("custom sections", u64::from(self.custom_sections), u64::from(self.limits.custom_sections_max))
    }

    fn finish(self) -> Result<(), AdmissionRefused> {
        if self.modules != 1 {
            return Err(AdmissionRefused::CoreModules(self.modules));
        }
        match self.exports.as_slice() {
            [export] if export.starts_with(&format!("`{EXPORT}")) && export.ends_with('`') => Ok(()),
            [] => Err(AdmissionRefused::Exports("nothing".to_owned())),
            exports => Err(AdmissionRefused::Exports(exports[..exports.len().min(4)].join(", "))),
        }
    }
}

fn within(what: &'static str, count: u64, count_max: u64) -> Result<(), AdmissionRefused> {
    if count <= count_max { Ok(()) } else { Err(AdmissionRefused::TooLarge { what, count, count_max }) }
}

fn malformed(error: wasmparser::BinaryReaderError) -> AdmissionRefused {
    AdmissionRefused::Malformed(error.to_string())
}

fn first_import(section: &wasmparser::ComponentImportSectionReader<'_>) -> Result<String, AdmissionRefused> {
    match section.clone().into_iter().next() {
        Some(import) => Ok(shown(import.map_err(malformed)?.name.name)),
        None => Ok(String::new()),
    }
}

/// A name from a stranger's file, fit to be shown: bounded, and without control characters.
fn shown(name: &str) -> String {
    name.chars().take(80).collect::<String>().escape_default().to_string()
}
