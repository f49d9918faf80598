import './styles/site.css';
import { bindHome } from './site/home';
import { keepSince } from './site/since';
import { bindTheme } from './site/theme';

bindTheme();
keepSince();
bindHome();
