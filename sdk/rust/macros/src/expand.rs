//! From an attribute and its function to both the function and its registration.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use resilmesh_sdk_attributes::{Said, Signature, read};
use syn::spanned::Spanned as _;
use syn::{FnArg, ItemFn, Type};

/// What an attribute stands for; mistakes are compile errors, and the function stays what it was.
pub(crate) fn expand(name: &str, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let Some(signature) = Signature::of(name) else { return item };
    let (said, wrong) = read(signature, Span::call_site(), arguments);
    let mut errors: Vec<syn::Error> = wrong.into_iter().map(|wrong| syn::Error::new(wrong.at, wrong.message)).collect();
    let registered = match syn::parse2::<ItemFn>(item.clone()) {
        Err(_) => {
            errors.push(syn::Error::new(Span::call_site(), format!("`#[{name}]` stands before a function")));
            TokenStream::new()
        }
        Ok(function) => registration(name, &said, &function).unwrap_or_else(|error| {
            errors.push(error);
            TokenStream::new()
        }),
    };
    if errors.is_empty() {
        return quote! { #item #registered };
    }
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote! { #item #(#errors)* }
}

fn registration(name: &str, said: &Said, function: &ItemFn) -> syn::Result<TokenStream> {
    let signature = &function.sig;
    let refuse = |at: Span, message: String| Err(syn::Error::new(at, message));
    if !signature.generics.params.is_empty() && signature.generics.type_params().next().is_some() {
        return refuse(
            signature.generics.span(),
            "a hook cannot have parameters of type: nobody would name them".into(),
        );
    }
    if let Some(FnArg::Receiver(own)) = signature.inputs.first() {
        return refuse(own.span(), format!("`#[{name}]` stands before a function of its own, not before a method"));
    }
    match &said.runtime {
        Some(runtime) => Ok(with_runtime(name, said, runtime, &signature.ident)),
        None if name == "process" => process(said, function),
        None if matches!(name, "stats" | "search" | "forget") => {
            refuse(Span::call_site(), format!("`#[{name}]` is for the catalogue that is built into resilmesh"))
        }
        None => hook(name, function),
    }
}

/// A hook that is compiled into a program of its own kind: its `register!` is told all that is said.
fn with_runtime(name: &str, said: &Said, runtime: &syn::Path, function: &Ident) -> TokenStream {
    let kind = format_ident!("{name}");
    let text = |value: &Option<String>| match value {
        Some(value) => quote! { Some(#value) },
        None => quote! { None },
    };
    let word = |value: &Option<String>| match value {
        Some(value) => format_ident!("{value}"),
        None => format_ident!("any"),
    };
    let (topic, format, title) = (text(&said.topic), text(&said.format), said.title.clone().unwrap_or_default());
    let (role, mode) = (word(&said.role), word(&said.mode));
    quote! {
        #runtime::register! {
            #kind #function, role: #role, topic: #topic, mode: #mode, format: #format, title: #title
        }
    }
}

/// A hook of a vendor, called by the host that `resilmesh_sdk::main!` makes.
fn hook(name: &str, function: &ItemFn) -> syn::Result<TokenStream> {
    let (signature, ident) = (&function.sig, &function.sig.ident);
    let context = context_of(name);
    let mut inputs = signature.inputs.iter();
    let first = inputs.next();
    if let Some(more) = inputs.next() {
        let message = format!("a hook has one parameter: the `&{context}` that it is called with");
        return Err(syn::Error::new(more.span(), message));
    }
    let call = match first {
        None => quote! { #ident() },
        Some(FnArg::Typed(own)) if matches!(*own.ty, Type::Reference(_)) => {
            quote_spanned! { own.ty.span() => #ident(&__context) }
        }
        Some(other) => {
            let message = format!("`#[{name}]` hands over a reference: `&{context}`");
            return Err(syn::Error::new(other.span(), message));
        }
    };
    let returned = signature.output.span();
    let called = match &signature.asyncness {
        None => call,
        Some(keyword) if cfg!(feature = "async") => {
            quote_spanned! { keyword.span() => ::resilmesh_sdk::__private::wait_for(&__context, async { #call.await })? }
        }
        Some(keyword) => {
            let message = "an `async` hook needs the feature `async` of the SDK; in Cargo.toml: `resilmesh-sdk = { version = \"0.1\", features = [\"async\"] }`";
            return Err(syn::Error::new(keyword.span(), message));
        }
    };
    let answer = match name {
        "watch" => quote_spanned! { returned => ::resilmesh_sdk::__private::shown(&__context, __returned) },
        "check" => quote_spanned! { returned => ::resilmesh_sdk::__private::checked(__returned) },
        _ => quote_spanned! { returned => ::resilmesh_sdk::__private::answered(__returned) },
    };
    let name_of_function = ident.to_string();
    let kind = format_ident!("{}", capitalised(name));
    // `file!()` and `line!()` are those of the attribute, which is what `resilmesh` reads as well.
    Ok(quote! {
        const _: () = {
            fn __call(
                __context: ::resilmesh_sdk::Context,
            ) -> ::core::result::Result<::resilmesh_sdk::__private::Value, ::resilmesh_sdk::Error> {
                let __context = ::resilmesh_sdk::__private::made::<::resilmesh_sdk::#context>(__context)?;
                let __returned = #called;
                #answer
            }
            ::resilmesh_sdk::__private::inventory::submit! {
                ::resilmesh_sdk::__private::Hook {
                    file: ::core::file!(),
                    line: ::core::line!(),
                    function: #name_of_function,
                    run: ::resilmesh_sdk::__private::Run::Call(
                        ::resilmesh_sdk::__private::HookKind::#kind,
                        __call,
                    ),
                }
            }
        };
    })
}

/// A hook that events pass through.
fn process(said: &Said, function: &ItemFn) -> syn::Result<TokenStream> {
    let (signature, ident) = (&function.sig, &function.sig.ident);
    if let Some(keyword) = &signature.asyncness {
        let message = "a `process` hook cannot be `async`: events come in batches, and workers run side by side";
        return Err(syn::Error::new(keyword.span(), message));
    }
    let expected = 1 + usize::from(said.init.is_some());
    if signature.inputs.len() != expected {
        let message = match said.init {
            Some(_) => "with `init`, a `process` hook has two parameters: `&mut` what that makes, and the event",
            None => "a `process` hook has one parameter, the event; with `init = path`, one more before it",
        };
        return Err(syn::Error::new(signature.inputs.span(), message));
    }
    let private = quote! { ::resilmesh_sdk::__private };
    let (made, state) = match &said.init {
        Some(init) => (quote! { let mut __state = #private::initial(#init(__start))?; }, quote! { &mut __state, }),
        None => (TokenStream::new(), TokenStream::new()),
    };
    let event = signature.inputs.last().map_or_else(Span::call_site, syn::spanned::Spanned::span);
    // What does not fit is then said of the parameter.
    let at_event = quote_spanned! { event => ::resilmesh_sdk::__private };
    let body = if said.batch {
        quote_spanned! { event => #at_event::outcomes(__events, #ident(#state __events)) }
    } else {
        quote_spanned! { event =>
            __events.iter().map(|__event| #at_event::outcome(#at_event::FromEvent::from_event(__event), |__event| #ident(#state __event))).collect()
        }
    };
    let name_of_function = ident.to_string();
    Ok(quote! {
        const _: () = {
            fn __make(
                __start: &::resilmesh_sdk::Start,
            ) -> ::core::result::Result<#private::Worker, ::resilmesh_sdk::Error> {
                #made
                ::core::result::Result::Ok(::std::boxed::Box::new(move |__events| { #body }))
            }
            #private::inventory::submit! {
                #private::Hook {
                    file: ::core::file!(),
                    line: ::core::line!(),
                    function: #name_of_function,
                    run: #private::Run::Process(__make),
                }
            }
        };
    })
}

/// What a hook of this moment is called with.
fn context_of(name: &str) -> Ident {
    format_ident!("{}", capitalised(name))
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
