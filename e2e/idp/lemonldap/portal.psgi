# LemonLDAP::NG's portal on its own, with the people of the other identity providers in its demonstration back end.
use strict;
use warnings;
use Lemonldap::NG::Portal;
use Lemonldap::NG::Portal::UserDB::Demo;
use Plack::Builder;

# Its stores hold bytes, so the name stays UTF-8: no `use utf8` here.
my %person = (
    alice => { name => 'Alice Åberg & Söner', groups => 'engineering' },
    bob   => { name => 'Bob',   groups => 'contractors' },
    carol => { name => 'Carol', groups => 'sales' },
);
%Lemonldap::NG::Portal::UserDB::Demo::demoAccounts =
  map { $_ => { uid => $_, cn => $person{$_}{name}, mail => "$_\@example.com" } } keys %person;
%Lemonldap::NG::Portal::UserDB::Demo::demoGroups =
  ( everyone => [ keys %person ], map { $person{$_}{groups} => [$_] } keys %person );

# The portal loads a CAPTCHA even where none is asked for; the usual one needs ImageMagick.
{
    package Lemonldap::NG::Portal::Captcha::None;
    use Mouse;
    extends 'Lemonldap::NG::Common::Module';
    sub init { 1 }
    $INC{'Lemonldap/NG/Portal/Captcha/None.pm'} = __FILE__;
}

my $portal = Lemonldap::NG::Portal->run( {} );
builder {
    mount '/static' => builder {
        enable 'Static', path => sub { 1 }, root => '/usr/share/lemonldap-ng/portal/htdocs/static';
        sub { [ 404, [], [] ] };
    };
    mount '/' => $portal;
};
