//! Which statements of a file can be deleted, and where they are.
//!
//! A statement can be deleted when nothing is made of its value: an assignment, a call, a macro, an early `return`, a whole
//! `if`, `match` or loop, the body of a match arm of which nothing is made. A `let` cannot, unless it only throws a value
//! away. What is left after a deletion may still not compile; that is for the compiler to say.
//! Tests and what only the compiler evaluates (constants) are left out.

use std::fmt;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, ExprIf, ExprMatch, File, ImplItemFn, ItemFn, ItemImpl, ItemMod, Signature, Stmt};

/// What is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A statement, or an expression without a value at the end of a block.
    Statement,
    /// The body of a match arm; the arm stays and does nothing.
    Arm,
    /// What stands behind a `return` of a function without a value; the `return` stays.
    Returned,
}

/// One possible deletion.
#[derive(Debug)]
pub struct Deletion {
    kind: Kind,
    bytes: Range<usize>,
    in_const: bool,
    function: String,
}

impl fmt::Display for Deletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Statement => "statement",
            Kind::Arm => "arm",
            Kind::Returned => "returned",
        };
        let when = if self.in_const { "const" } else { "run" };
        write!(f, "{kind}\t{}\t{}\t{when}\t{}", self.bytes.start, self.bytes.end, self.function)
    }
}

/// Every possible deletion of a file, in the order of its beginnings.
pub fn deletable(file: &File) -> Vec<Deletion> {
    let mut finder = Finder::default();
    finder.visit_file(file);
    finder.found.sort_by_key(|deletion| (deletion.bytes.start, std::cmp::Reverse(deletion.bytes.end)));
    finder.found
}

/// The walk over a file: what was found, and where it is just now.
#[derive(Default)]
struct Finder {
    found: Vec<Deletion>,
    /// The type whose functions are walked, empty outside of an `impl`.
    owner: String,
    function: String,
    in_const: bool,
    /// The function that a `return` would leave has no value.
    returns_nothing: bool,
}

impl Finder {
    fn find(&mut self, kind: Kind, what: &impl Spanned) {
        let bytes = what.span().byte_range();
        if !bytes.is_empty() {
            self.found.push(Deletion { kind, bytes, in_const: self.in_const, function: self.function.clone() });
        }
    }

    fn function(&mut self, attributes: &[Attribute], signature: &Signature, body: &Block) {
        if is_test(attributes) {
            return;
        }
        let name = signature.ident.to_string();
        let function = if self.owner.is_empty() { name } else { format!("{}::{name}", self.owner) };
        let nothing = matches!(signature.output, syn::ReturnType::Default);
        let outer = (
            std::mem::replace(&mut self.function, function),
            std::mem::replace(&mut self.in_const, signature.constness.is_some()),
            std::mem::replace(&mut self.returns_nothing, nothing),
        );
        self.block(body, nothing);
        (self.function, self.in_const, self.returns_nothing) = outer;
    }

    /// The statements of a block; `unused` when nothing is made of its value, so that the last one can go too.
    fn block(&mut self, block: &Block, unused: bool) {
        for (index, statement) in block.stmts.iter().enumerate() {
            let is_last = index + 1 == block.stmts.len();
            match statement {
                Stmt::Local(local) => {
                    if matches!(local.pat, syn::Pat::Wild(_)) {
                        self.find(Kind::Statement, statement);
                    }
                    visit::visit_local(self, local);
                }
                Stmt::Item(item) => self.visit_item(item),
                Stmt::Macro(call) => {
                    if call.semi_token.is_some() || !is_last || unused {
                        self.find(Kind::Statement, statement);
                    }
                }
                Stmt::Expr(expression, end) => {
                    let is_unused = !is_last || unused;
                    if (end.is_some() || is_unused) && !is_the_same_as_its_body(expression) {
                        self.find(Kind::Statement, statement);
                    }
                    self.expression(expression, end.is_none() && is_unused);
                }
            }
        }
    }

    /// What is inside an expression; `unused` when it has no value.
    fn expression(&mut self, expression: &Expr, unused: bool) {
        match expression {
            Expr::If(branch) => self.branch(branch, unused),
            Expr::Match(choice) => self.choice(choice, unused),
            Expr::Block(block) => self.block(&block.block, unused),
            Expr::Unsafe(block) => self.block(&block.block, unused),
            Expr::Loop(each) => self.block(&each.body, true),
            Expr::While(each) => {
                self.expression(&each.cond, false);
                self.block(&each.body, true);
            }
            Expr::ForLoop(each) => {
                self.expression(&each.expr, false);
                self.block(&each.body, true);
            }
            Expr::Return(back) => {
                if let Some(value) = &back.expr {
                    if self.returns_nothing {
                        self.find(Kind::Returned, value);
                    }
                    self.expression(value, false);
                }
            }
            Expr::Closure(closure) => {
                let outer = std::mem::replace(&mut self.returns_nothing, false);
                self.expression(&closure.body, false);
                self.returns_nothing = outer;
            }
            Expr::Async(later) => {
                let outer = std::mem::replace(&mut self.returns_nothing, false);
                self.block(&later.block, false);
                self.returns_nothing = outer;
            }
            Expr::Const(_) => {}
            other => visit::visit_expr(self, other),
        }
    }

    fn branch(&mut self, branch: &ExprIf, unused: bool) {
        self.expression(&branch.cond, false);
        // an `if` without an `else` never has a value
        self.block(&branch.then_branch, unused || branch.else_branch.is_none());
        if let Some((_, otherwise)) = &branch.else_branch {
            self.expression(otherwise, unused);
        }
    }

    fn choice(&mut self, choice: &ExprMatch, unused: bool) {
        self.expression(&choice.expr, false);
        for arm in &choice.arms {
            if let Some((_, guard)) = &arm.guard {
                self.expression(guard, false);
            }
            let is_found_inside = match &*arm.body {
                Expr::Block(body) => body.block.stmts.len() < 2,
                Expr::Tuple(nothing) => nothing.elems.is_empty(),
                _ => false,
            };
            if unused && !is_found_inside {
                self.find(Kind::Arm, &arm.body);
            }
            self.expression(&arm.body, unused);
        }
    }
}

impl<'a> Visit<'a> for Finder {
    fn visit_expr(&mut self, expression: &'a Expr) {
        self.expression(expression, false);
    }

    fn visit_block(&mut self, block: &'a Block) {
        self.block(block, false);
    }

    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        let owner = std::mem::take(&mut self.owner);
        self.function(&item.attrs, &item.sig, &item.block);
        self.owner = owner;
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.attrs, &item.sig, body);
        }
    }

    fn visit_item_trait(&mut self, item: &'a syn::ItemTrait) {
        let outer = std::mem::replace(&mut self.owner, item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.owner = outer;
    }

    fn visit_item_impl(&mut self, item: &'a ItemImpl) {
        if is_test(&item.attrs) {
            return;
        }
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let outer = std::mem::replace(&mut self.owner, name.unwrap_or_default());
        visit::visit_item_impl(self, item);
        self.owner = outer;
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    // The compiler evaluates these; a statement in them cannot be left out for one run.
    fn visit_item_const(&mut self, _: &'a syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'a syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'a syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'a syn::TraitItemConst) {}
    fn visit_type(&mut self, _: &'a syn::Type) {}
}

/// Whether an item is there for tests only: `#[test]`, or `#[cfg(...)]` that names `test`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("cfg") {
            let mut names_test = false;
            let _ = attribute.parse_nested_meta(|meta| {
                names_test |= meta.path.is_ident("test");
                Ok(())
            });
            names_test
        } else {
            attribute.path().is_ident("test")
        }
    })
}

/// An `if` around one statement, without an `else` and with a condition that calls nothing: to delete it is to delete that
/// statement, which is found by itself.
fn is_the_same_as_its_body(expression: &Expr) -> bool {
    let Expr::If(branch) = expression else { return false };
    let [only] = branch.then_branch.stmts.as_slice() else { return false };
    let is_found = match only {
        Stmt::Expr(inner, _) => !matches!(inner, Expr::If(_)) || is_the_same_as_its_body(inner),
        Stmt::Macro(_) => true,
        Stmt::Local(_) | Stmt::Item(_) => false,
    };
    branch.else_branch.is_none() && is_found && !calls(&branch.cond)
}

/// Whether something is called in an expression; `matches!` calls nothing.
fn calls(expression: &Expr) -> bool {
    #[derive(Default)]
    struct Calls(bool);
    impl<'a> Visit<'a> for Calls {
        fn visit_expr_call(&mut self, _: &'a syn::ExprCall) {
            self.0 = true;
        }
        fn visit_expr_method_call(&mut self, _: &'a syn::ExprMethodCall) {
            self.0 = true;
        }
        fn visit_macro(&mut self, call: &'a syn::Macro) {
            self.0 |= !call.path.is_ident("matches");
        }
    }
    let mut found = Calls::default();
    found.visit_expr(expression);
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is deleted of a source, in order, each with its kind.
    fn found(source: &str) -> Vec<(Kind, &str)> {
        let file = syn::parse_file(source).expect("Rust");
        deletable(&file).into_iter().map(|one| (one.kind, &source[one.bytes])).collect()
    }

    fn statements(source: &str) -> Vec<&str> {
        found(source).into_iter().map(|(_, code)| code).collect()
    }

    #[test]
    fn assignments_calls_and_macros_go_and_values_stay() {
        let source = "fn f(&mut self) -> u8 { let a = 1; self.b = a; self.b += 1; g(a); h!(a); let _ = g(a); a }";
        assert_eq!(statements(source), ["self.b = a;", "self.b += 1;", "g(a);", "h!(a);", "let _ = g(a);"]);
    }

    #[test]
    fn the_last_expression_goes_only_where_nothing_is_made_of_it() {
        assert_eq!(statements("fn f() { g() }"), ["g()"]);
        assert_eq!(statements("fn f() -> u8 { g() }"), [""; 0]);
        assert_eq!(statements("fn f() -> u8 { for i in 0..2 { g(i) } 3 }"), ["for i in 0..2 { g(i) }", "g(i)"]);
    }

    #[test]
    fn an_early_return_goes_whole_and_what_it_does_goes_alone() {
        let source = "fn f(a: bool) { if a { return g(); } h() }";
        assert_eq!(statements(source), ["return g();", "g()", "h()"]);
        assert_eq!(found(source)[1].0, Kind::Returned);
        assert_eq!(statements("fn f(a: bool) -> u8 { if a { return g(); } 3 }"), ["return g();"]);
    }

    #[test]
    fn an_if_goes_by_itself_unless_that_is_the_same() {
        assert_eq!(statements("fn f(a: bool) { if a { b(); } }"), ["b();"]);
        assert_eq!(statements("fn f() { if a() { b(); } }"), ["if a() { b(); }", "b();"]);
        assert_eq!(statements("fn f(a: bool) { if a { b(); c(); } }").len(), 3);
        assert_eq!(statements("fn f(a: bool) { if a { b() } else { c() } }").len(), 3);
    }

    #[test]
    fn the_body_of_an_arm_goes_where_nothing_is_made_of_it() {
        let source = "fn f(a: u8) { match a { 0 => {} 1 => g(), 2 => { h(); } _ => { i(); j(); } } }";
        let arms = [(Kind::Arm, "g()"), (Kind::Statement, "h();"), (Kind::Arm, "{ i(); j(); }")];
        assert_eq!(found(source)[1..4], arms);
        assert_eq!(statements("fn f(a: u8) -> u8 { match a { 0 => g(), _ => h() } }"), [""; 0]);
    }

    #[test]
    fn tests_and_constants_are_left_out() {
        let source = "#[cfg(test)] mod t { fn f() { g(); } } #[test] fn f() { g(); } const A: u8 = { b(); 1 };";
        assert_eq!(statements(source), [""; 0]);
    }

    #[test]
    fn a_line_names_kind_place_and_function() {
        let file = syn::parse_file("impl A { const fn b(&mut self) { self.c = 1; } }").expect("Rust");
        let lines: Vec<String> = deletable(&file).iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["statement\t33\t44\tconst\tA::b"]);
    }
}
