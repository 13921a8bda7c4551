//! Sign-ins through the whole application in one process: the router of Doorward, the development identity providers over
//! loopback HTTP, a browser that keeps cookies by the rules, and a clock that tests move.

#[cfg(test)]
mod access;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod crooked_openid;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod idp_guides;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod loops;
#[cfg(test)]
mod openid_refresh;
#[cfg(test)]
mod openid_settings;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod realms;
#[cfg(test)]
mod saml_keys;
#[cfg(test)]
mod saml_subjects;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod sign_out;
#[cfg(test)]
mod step_up;
#[cfg(test)]
mod trials;
#[cfg(test)]
mod world;
